// A report's form, at the desk and behind an agency's link, outlives a dead spot: words and photos are kept on this device until the server has them.
// Without this, or where a browser keeps nothing, the form is sent as any.
"use strict";
(() => {
  const AGAIN = 5000, LASTS = 24 * 3600 * 1000;
  const form = document.getElementById("change");
  const code = document.querySelector("[data-code]")?.dataset.code;

  const store = () => new Promise((done, failed) => {
    const asked = indexedDB.open("lapor-desk", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("kept");
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
  const work = async (mode, make) => {
    const db = await store();
    try {
      return await new Promise((done, failed) => {
        const change = db.transaction("kept", mode), asked = make(change.objectStore("kept"));
        change.oncomplete = () => done(asked.result);
        change.onabort = () => failed(change.error);
      });
    } finally {
      db.close();
    }
  };
  const keep = (value) => work("readwrite", (kept) => kept.put(value, code)).catch(() => {});
  const drop = () => work("readwrite", (kept) => kept.delete(code)).catch(() => {});

  if (!form || !code || !window.indexedDB) return;
  const note = form.elements.note, photos = form.elements.after, said = document.getElementById("kept-said");
  let wanted = null, timer = 0, isSending = false;

  const say = (words) => {
    said.hidden = false;
    said.textContent = words;
  };
  const show = () => said.scrollIntoView({ block: "center" }); // to whoever pressed under the thumb

  const remember = () => {
    if (!note.value.trim() && !photos.files.length) return drop();
    return keep({ note: note.value, photos: [...photos.files], at: Date.now() });
  };

  const restore = async () => {
    const found = await work("readonly", (kept) => kept.get(code)).catch(() => null);
    if (!found || note.value.trim() || photos.files.length) return;
    if (Date.now() - found.at > LASTS) return drop();
    const files = new DataTransfer();
    for (const photo of found.photos) files.items.add(photo);
    note.value = found.note;
    photos.files = files.files;
    say(said.dataset.back);
  };

  const take = async (answer) => {
    if (answer.redirected && /[?&](done|passed)\b/.test(answer.url)) {
      await drop();
      location.assign(answer.url);
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const problem = page.querySelector("#main [role=alert]");
    if (problem && page.getElementById("change")) {
      say(problem.textContent); // why not; what was written and chosen stays where it is
      show();
      for (const field of form.querySelectorAll("input[type=hidden]")) field.value = page.getElementById("change").elements[field.name].value;
    } else location.reload(); // logged out, or the report is another's: the server says so, and the words are kept
  };

  const send = async () => {
    if (!wanted || isSending) return;
    isSending = true;
    say(said.dataset.sending);
    const { action, fields } = wanted;
    let answer = null;
    try {
      answer = await fetch(action, { method: "POST", body: fields });
    } catch {
      say(said.dataset.waiting);
      show();
      timer = setTimeout(send, AGAIN);
    }
    isSending = false;
    if (!answer) return;
    wanted = null;
    await take(answer);
  };

  form.addEventListener("submit", async (pressed) => {
    pressed.preventDefault();
    clearTimeout(timer);
    const button = pressed.submitter, fields = new FormData(form);
    if (button?.name) fields.append(button.name, button.value);
    wanted = { action: button?.hasAttribute("formaction") ? button.formAction : form.action, fields };
    await remember();
    send();
  });
  form.addEventListener("input", remember);
  photos.addEventListener("change", remember);
  window.addEventListener("online", () => {
    clearTimeout(timer);
    send();
  });
  restore();
})();
