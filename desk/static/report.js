"use strict";
// The form at /report works without this. With it: the place from the phone, and words that survive a reload.
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
