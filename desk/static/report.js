"use strict";
// The form at /report works without this. With it: the place from the phone, smaller photos, words that survive a
// reload, and reports that wait on the phone for the network.
(() => {
  const form = document.getElementById("report-form");
  const here = document.getElementById("here");
  const said = document.getElementById("here-said");
  if (!form || !here || !said) return;

  // said here, before a long way up for nothing; the server checks the same (channels/bodies.py)
  const tooLarge = document.getElementById("photos-said");
  form.addEventListener("submit", (pressed) => {
    const files = [...form.querySelectorAll("input[type=file]")].flatMap((input) => [...input.files]);
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    const isTooMuch = files.length > 4 || files.some((file) => file.size > 15e6) || bytes > 31.9e6;
    tooLarge.hidden = !isTooMuch;
    tooLarge.textContent = isTooMuch ? tooLarge.dataset.tooLarge : "";
    if (isTooMuch) pressed.preventDefault();
  });

  const draft = "lapor-draft-" + form.dataset.draft;
  const fields = ["words", "place"].map((name) => form.elements[name]).filter(Boolean);
  try {
    const isWrong = new URLSearchParams(location.search).has("wrong");
    if (sessionStorage.getItem(draft + "-sent") && !isWrong) sessionStorage.removeItem(draft);
    sessionStorage.removeItem(draft + "-sent");
    const kept = JSON.parse(sessionStorage.getItem(draft) || "{}");
    for (const field of fields) {
      if (!field.value && typeof kept[field.name] === "string") field.value = kept[field.name];
    }
    form.addEventListener("input", () => {
      const now = Object.fromEntries(fields.map((field) => [field.name, field.value]));
      sessionStorage.setItem(draft, JSON.stringify(now));
    });
    form.addEventListener("submit", (pressed) => pressed.defaultPrevented || sessionStorage.setItem(draft + "-sent", "1"));
  } catch {
    // a browser that keeps nothing: the form works all the same
  }

  const placed = (lat, long, accuracy, words) => {
    form.elements.lat.value = Number(lat).toFixed(6);
    form.elements.long.value = Number(long).toFixed(6);
    form.elements.accuracy.value = accuracy;
    said.textContent = words;
    form.dispatchEvent(new Event("placed"));
  };

  // a photo's own place is offered, and taken only when somebody says so
  const offer = document.getElementById("photo-place");
  let busy = Promise.resolve(), offered = null;
  for (const input of form.querySelectorAll("input[type=file]"))
    input.addEventListener("change", () => {
      busy = busy.then(async () => {
        for (const file of input.files) offered = (await reportPhotos.place(file)) || offered;
        if (offer) offer.hidden = !offered;
        await reportPhotos.shrink(input);
      }).catch(() => {});
    });
  if (offer) offer.addEventListener("click", () => {
    placed(...offered, "", offer.dataset.found);
    offer.hidden = true;
  });

  waiting(form, () => busy);

  if (!("geolocation" in navigator)) return void (here.hidden = true);
  here.addEventListener("click", () => {
    said.textContent = here.dataset.asking;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const metres = Math.round(coords.accuracy);
        placed(coords.latitude, coords.longitude, metres, here.dataset.found.replace("{metres}", metres));
      },
      () => { said.textContent = here.dataset.failed; },
      { enableHighAccuracy: true, timeout: 20000, maximumAge: 30000 },
    );
  });
})();

// A new report is written down on the phone before it is sent, so that it is sent once there is a network.
function waiting(form, photosAreReady) {
  const list = document.getElementById("queued");
  if (!list || !("serviceWorker" in navigator) || !("indexedDB" in window) || !navigator.locks) return;
  const worker = navigator.serviceWorker.register("/report-worker.js", { scope: "/report" }).catch(() => null);

  const line = ({ nonce, at, to, wrong }) => {
    const item = document.createElement("li"), code = /^\/r\/([A-Z0-9]+)\//.exec(to || "");
    const when = new Date(at).toLocaleString(list.dataset.language, { dateStyle: "medium", timeStyle: "short" });
    item.append(`${when}: `);
    if (!to) return item.append(list.dataset.waits), item;
    const link = document.createElement("a");
    link.href = to;
    link.textContent = wrong ? list.dataset.wrong : list.dataset.sent.replace("{code}", code ? code[1] : "").trim();
    const gone = document.createElement("button");
    gone.type = "button";
    gone.textContent = list.dataset.drop;
    gone.addEventListener("click", () => reportQueue.drop(nonce).then(show));
    item.append(link, " ", gone);
    return item;
  };
  const show = async () => {
    const reports = await reportQueue.all();
    list.replaceChildren(...reports.map(line));
    list.hidden = !reports.length;
  };
  const again = async () => {
    await show();
    await reportQueue.sendAll();
    await reportQueue.followAll();
    await show();
  };

  form.addEventListener("submit", async (pressed) => {
    if (pressed.defaultPrevented) return;
    pressed.preventDefault();
    const button = form.querySelector("button.main");
    button.disabled = true;
    await photosAreReady();
    const nonce = crypto.randomUUID ? crypto.randomUUID() : form.elements.nonce.value;
    const fields = [...new FormData(form)]
      .filter(([, value]) => !(value instanceof File) || value.size)
      .map(([name, value]) => value instanceof File ? [name, value, value.name] : [name, name === "nonce" ? nonce : value]);
    try {
      await reportQueue.put({ nonce, at: Date.now(), fields });
    } catch {
      return form.submit(); // a browser that keeps nothing
    }
    const mine = (await reportQueue.sendAll()).find((report) => report.nonce === nonce);
    if (mine) {
      await reportQueue.drop(nonce);
      return location.assign(mine.to);
    }
    form.reset();
    button.disabled = false;
    await show();
    list.scrollIntoView({ block: "nearest" });
    const known = await worker;
    if (known && known.sync) known.sync.register("reports").catch(() => {});
  });
  addEventListener("online", again);
  setInterval(() => document.hidden || again(), 30000);
  again();
}
