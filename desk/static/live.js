// Open pages stay new: /desk/live says which reports changed, and the page asks for its own parts again.
// Without a stream (an old browser, too many tabs) it asks every few seconds.
"use strict";
(() => {
  const TYPED = "lapor-typed"; // in sessionStorage: what was being written when the new state was asked for
  const AT_MOST = 1000, WITHOUT_STREAM = 5000; // milliseconds
  const place = document.querySelector("[data-live]"), code = place?.dataset.code;
  const queue = document.getElementById("queue"), thread = document.getElementById("thread");
  if (!place) return;
  let source = null, isOn = false, mark = place.dataset.live, waiting = null, renewed = 0, isPressed = false;

  // ticks keep the status that they were set at: what changed meanwhile is then left alone, and said
  let ticks = new Map();
  const boxes = () => [...(queue?.querySelectorAll("input[type=checkbox]") ?? [])];
  document.addEventListener("htmx:before:swap", () => {
    ticks = new Map(boxes().filter((box) => box.checked).map((box) => [box.id, box.value]));
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const box of boxes()) {
      box.checked = ticks.has(box.id);
      if (box.checked) box.value = ticks.get(box.id);
    }
  });

  // nothing moves under a finger
  addEventListener("pointerdown", (event) => { isPressed = Boolean(queue?.contains(event.target)); });
  for (const end of ["pointerup", "pointercancel", "dragend"]) addEventListener(end, () => { isPressed = false; });

  const renew = () => {
    clearTimeout(waiting);
    const left = renewed + AT_MOST - performance.now();
    if (left > 0 || isPressed) {
      waiting = setTimeout(renew, Math.max(left, 200));
      return;
    }
    renewed = performance.now();
    window.htmx?.trigger(queue ?? thread, "renew");
  };

  const heard = (event) => {
    if (event.lastEventId) mark = event.lastEventId;
    const { changed, more } = JSON.parse(event.data);
    if (queue) return renew();
    if (changed[code] > Number(place.dataset.updated)) document.querySelector("#changed span").hidden = false;
    if (code in changed || more) renew();
  };

  const open = () => {
    if (source || document.hidden || !window.EventSource) return;
    source = new EventSource(`/desk/live?${new URLSearchParams({ since: mark, ...(code && { report: code }) })}`);
    source.addEventListener("open", () => { isOn = true; });
    source.addEventListener("changed", heard);
    source.addEventListener("error", () => { isOn = false; });
  };
  const close = () => {
    source?.close();
    source = null;
    isOn = false;
  };

  // a browser has six connections for one address: hidden pages hold none
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
  setInterval(() => { if (!isOn && !document.hidden && queue) renew(); }, WITHOUT_STREAM);

  // to see the new state costs nothing that was written
  const fields = () => [...document.querySelectorAll("textarea[id]")];
  document.querySelector("#changed a")?.addEventListener("click", () => {
    const typed = Object.fromEntries(fields().filter((each) => each.value).map((each) => [each.id, each.value]));
    try {
      sessionStorage.setItem(TYPED, JSON.stringify({ code, typed }));
    } catch {
      // a browser that keeps nothing
    }
  });
  try {
    const kept = JSON.parse(sessionStorage.getItem(TYPED)) ?? {};
    sessionStorage.removeItem(TYPED);
    if (kept.code === code) for (const field of fields()) field.value ||= kept.typed?.[field.id] ?? "";
  } catch {
    // nothing was kept
  }
})();
