/* The queue's map: the reports of the view that is open, beside its list. What people wrote is never read as HTML. */
"use strict";
(() => {
  const box = document.getElementById("queue-map"), queue = document.getElementById("queue");
  if (!box || !queue || !window.L) return;
  const said = box.dataset, heard = document.getElementById("queue-map-said");
  const whole = box.closest(".looked-at"), toggle = document.getElementById("map-switch");
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const [south, west, north, east] = said.bounds.split(",").map(Number);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  box.hidden = toggle.hidden = false;
  whole.classList.add("has-map", "shows-map");
  const map = L.map(box, { preferCanvas: true, zoomControl: false, minZoom: 8, maxZoom: 19, zoomAnimation: !calm, fadeAnimation: !calm });
  map.attributionControl.setPrefix(false).addAttribution("© OpenStreetMap contributors");
  L.control.zoom({ zoomInTitle: said.in, zoomOutTitle: said.out }).addTo(map);
  map.fitBounds([[south, west], [north, east]]);
  if (said.tiles) {
    const credit = document.createElement("span");
    credit.textContent = said.credit;
    L.tileLayer(said.tiles, { maxZoom: 19, attribution: credit.innerHTML }).addTo(map);
  }

  const ground = L.layerGroup().addTo(map), shown = L.layerGroup().addTo(map);
  const markers = new Map(); // code -> marker
  let picked = null, isFitted = false;

  const corners = (steps, unit) => {
    let lat = 0, long = 0;
    const found = [];
    for (let at = 0; at < steps.length; at += 2) found.push([(lat += steps[at]) / unit, (long += steps[at + 1]) / unit]);
    return found;
  };
  fetch("/map/areas.json").then((answer) => answer.json()).then((found) => {
    const drawn = { color: ink("--quiet"), weight: 1, opacity: 0.45, fill: !said.tiles, fillColor: ink("--card"), fillOpacity: 0.9, interactive: false };
    for (const area of Object.values(found.areas))
      L.polygon(area.map((steps) => [corners(steps, found.steps)]), drawn).addTo(ground);
    ground.eachLayer((each) => each.bringToBack());
  }).catch(() => {});

  const colours = {
    received: "--main", assigned: "--main", reopened: "--main", accepted: "--warm", in_progress: "--warm",
    scheduled: "--warm", needs_info: "--good", resolved: "--good",
  };
  const style = (spot, isPicked) => ({
    radius: isPicked ? 13 : spot.urgent ? 10 : 8, weight: isPicked ? 4 : 2, fillOpacity: 0.9,
    color: isPicked ? ink("--ink") : ink("--card"), fillColor: ink(spot.urgent ? "--hot" : (colours[spot.status] ?? "--still")),
  });

  const made = (tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  };
  const words = (spot) => {
    const link = made("a", said.open.replace("{code}", spot.code)), parts = document.createElement("div");
    link.href = `/desk/r/${encodeURIComponent(spot.code)}`;
    const status = box.getAttribute(`data-status-${spot.status}`) || spot.status;
    parts.append(made("strong", spot.service), made("p", spot.urgent ? `${status} · ${said.urgent}` : status), link);
    return parts;
  };

  // the picked report stands out on both sides
  const pick = (code) => {
    const before = markers.get(picked), now = markers.get(code);
    before?.setStyle(style(before.spot, false));
    before?.setRadius(style(before.spot, false).radius);
    queue.querySelectorAll(".picked").forEach((row) => row.classList.remove("picked"));
    picked = code;
    document.getElementById(`r-${code}`)?.classList.add("picked");
    now?.setStyle(style(now.spot, true)).bringToFront();
    now?.setRadius(style(now.spot, true).radius);
    box.dataset.picked = now ? code : "";
    return now;
  };

  const draw = (spots) => {
    shown.clearLayers();
    markers.clear();
    for (const spot of spots) {
      const marker = L.circleMarker([spot.lat, spot.long], style(spot, false)).bindPopup(words(spot));
      marker.spot = spot;
      marker.on("click", () => {
        pick(spot.code);
        document.getElementById(`r-${spot.code}`)?.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
      });
      markers.set(spot.code, marker.addTo(shown));
    }
    if (picked) pick(picked);
    if (!isFitted && spots.length) {
      map.fitBounds(L.latLngBounds(spots.map((spot) => [spot.lat, spot.long])).pad(0.2), { maxZoom: 15, animate: false });
      isFitted = true;
    }
    box.dataset.drawn = String(spots.length);
  };

  const look = async () => {
    try {
      const answer = await fetch(`/desk/map.json${said.query}`);
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const { spots, without, more } = await answer.json();
      draw(spots);
      const notes = [more && said.more.replace("{count}", spots.length + without), without && said.without.replace("{count}", without)];
      heard.textContent = notes.filter(Boolean).join(" ");
    } catch {
      heard.textContent = said.failed;
    }
  };

  const rowOf = (event) => event.target.closest?.(".row-line")?.querySelector("a.row")?.id.slice(2);
  queue.addEventListener("pointerover", (event) => {
    const code = event.pointerType === "mouse" && rowOf(event);
    if (code && code !== picked) pick(code);
  });
  queue.addEventListener("focusin", (event) => {
    const marker = rowOf(event) && pick(rowOf(event));
    if (marker && !map.getBounds().contains(marker.getLatLng())) map.panTo(marker.getLatLng());
  });

  // a phone shows one of the two
  toggle.addEventListener("click", () => {
    const isMap = whole.classList.toggle("shows-map");
    toggle.textContent = isMap ? toggle.dataset.list : toggle.dataset.map;
    if (isMap) map.invalidateSize();
  });
  document.addEventListener("htmx:after:swap", (event) => { if (event.target.id === "queue" || event.detail?.ctx?.target?.id === "queue") look(); });
  look();
})();
