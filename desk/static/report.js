"use strict";
// The form at /report works without this. With it: the place from the phone, and words that survive a reload.
(() => {
  const form = document.getElementById("report-form");
  const here = document.getElementById("here");
  const said = document.getElementById("here-said");
  if (!form || !here || !said) return;

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
    form.addEventListener("submit", () => sessionStorage.setItem(draft + "-sent", "1"));
  } catch {
    // a browser that keeps nothing: the form works all the same
  }

  if (!("geolocation" in navigator)) return;
  here.hidden = false;
  here.addEventListener("click", () => {
    said.textContent = here.dataset.asking;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        form.elements.lat.value = coords.latitude.toFixed(6);
        form.elements.long.value = coords.longitude.toFixed(6);
        form.elements.accuracy.value = Math.round(coords.accuracy);
        said.textContent = here.dataset.found.replace("{metres}", Math.round(coords.accuracy));
      },
      () => { said.textContent = here.dataset.failed; },
      { enableHighAccuracy: true, timeout: 20000, maximumAge: 30000 },
    );
  });
})();
