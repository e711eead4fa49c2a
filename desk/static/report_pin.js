/* A point chosen on a map: the map moves under a pin, by finger, mouse or arrow keys. Leaflet comes when it is asked for. */
"use strict";
(() => {
  const form = document.getElementById("report-form"), opens = document.getElementById("pin");
  const box = document.getElementById("pin-map"), said = document.getElementById("here-said");
  if (!form || !opens || !box) return;

  const part = (tag, said) => new Promise((done, failed) => {
    const element = Object.assign(document.createElement(tag), said);
    element.onload = done; element.onerror = failed;
    document.head.append(element);
  });

  const open = async () => {
    await Promise.all([
      part("link", { rel: "stylesheet", href: "/desk/static/leaflet/leaflet.css" }),
      part("script", { src: "/desk/static/leaflet/leaflet.js" }),
      part("script", { src: "/desk/static/ground.js" }),
    ]);
    box.hidden = false;
    const map = L.map(box, { preferCanvas: true, minZoom: 8, maxZoom: 19 });
    map.attributionControl.setPrefix(false).addAttribution("© OpenStreetMap contributors");
    if (box.dataset.tiles) {
      const credit = document.createElement("span");
      credit.textContent = box.dataset.credit;
      L.tileLayer(box.dataset.tiles, { maxZoom: 19, attribution: credit.innerHTML }).addTo(map);
    }
    drawGround(map, !box.dataset.tiles);
    const { lat, long, accuracy } = form.elements;
    const [south, west, north, east] = box.dataset.bounds.split(",").map(Number);
    const show = () => lat.value && long.value ? map.setView([lat.value, long.value], 17) : map.fitBounds([[south, west], [north, east]]);
    show();
    map.on("moveend", () => {
      const { lat: y, lng: x } = map.getCenter();
      lat.value = y.toFixed(6); long.value = x.toFixed(6); accuracy.value = "";
      said.textContent = opens.dataset.found;
    });
    form.addEventListener("placed", show);
  };

  opens.addEventListener("click", () => {
    opens.disabled = true;
    open().catch(() => { said.textContent = opens.dataset.failed; opens.disabled = false; });
  });
})();
