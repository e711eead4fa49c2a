/* The public map: circles from /map.json over the kelurahan's outlines. What people wrote is never read as HTML. */
"use strict";
(() => {
  const box = document.getElementById("map");
  if (!box || !window.L) return;
  const said = box.dataset, heard = document.getElementById("map-said");
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const [south, west, north, east] = said.bounds.split(",").map(Number);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map(box, {
    preferCanvas: true, zoomControl: false, minZoom: 8, maxZoom: 19, zoomAnimation: !calm, fadeAnimation: !calm,
    scrollWheelZoom: window.top === window.self, attributionControl: true,
  });
  map.attributionControl.setPrefix(false).addAttribution("© OpenStreetMap contributors");
  L.control.zoom({ zoomInTitle: said.in, zoomOutTitle: said.out }).addTo(map);
  map.fitBounds([[south, west], [north, east]]);
  if (said.tiles) {
    const credit = document.createElement("span");
    credit.textContent = said.credit;
    L.tileLayer(said.tiles, { maxZoom: 19, attribution: credit.innerHTML }).addTo(map);
  }

  drawGround(map, !said.tiles, new URLSearchParams(said.query).get("area"));
  const shown = L.layerGroup().addTo(map);

  const made = (tag, text, name) => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    return element;
  };

  const link = (text, to) => {
    const element = made("a", text);
    element.href = to;
    if (window.top !== window.self) element.target = "_blank";
    return element;
  };

  const popup = (...parts) => {
    const whole = document.createElement("div");
    for (const part of parts) whole.append(part);
    return whole;
  };

  const withQuery = (more) => {
    const query = new URLSearchParams(said.query);
    for (const [name, value] of Object.entries(more)) query.set(name, value);
    return `/?${query}#list`;
  };

  const circle = (spot, words, name) => {
    const wide = Math.round(Math.min(64, 26 + 6 * Math.log2(spot.n)));
    const icon = L.divIcon({ html: made("span", String(spot.n)), className: `spot ${name}`, iconSize: [wide, wide] });
    return L.marker([spot.lat, spot.long], { icon, title: words, alt: words, riseOnHover: true });
  };

  const drawArea = (spot) => {
    const words = (spot.floats ? said.floats : said.many).replace("{count}", spot.n).replace("{name}", spot.name);
    const marker = circle(spot, words, spot.floats ? "floats" : "area");
    marker.bindPopup(popup(made("p", words), link(said.list, withQuery({ area: spot.area }))));
    if (!spot.floats) marker.on("dblclick", () => map.setView([spot.lat, spot.long], map.getZoom() + 2));
    marker.addTo(shown);
  };

  const drawCell = (spot) => {
    const words = said.zoom.replace("{count}", spot.n);
    circle(spot, words, "cell").on("click keypress", () => map.setView([spot.lat, spot.long], Math.min(19, map.getZoom() + 1))).addTo(shown);
  };

  const colours = { new: "--main", work: "--warm", waiting: "--good", done: "--still" };
  const groups = {
    received: "new", assigned: "new", reopened: "new", accepted: "work", in_progress: "work", scheduled: "work",
    needs_info: "waiting", resolved: "waiting",
  };

  const drawReport = (spot) => {
    const colour = ink(colours[groups[spot.status] || "done"]);
    const words = box.getAttribute(`data-status-${spot.status}`) || spot.status;
    const at = new Date(spot.at).toLocaleDateString(said.language, { day: "numeric", month: "short", year: "numeric" });
    L.circleMarker([spot.lat, spot.long], { radius: 8, color: ink("--card"), weight: 2, fillColor: colour, fillOpacity: 0.9 })
      .bindPopup(popup(made("strong", spot.service), made("p", `${words} · ${at}`), link(said.open.replace("{code}", spot.code), `/r/${encodeURIComponent(spot.code)}`)))
      .addTo(shown);
  };

  // asked for in steps of a quarter of the view, so that neighbours ask for the same and it is kept on the way
  const view = () => {
    const zoom = map.getZoom(), seen = map.getBounds(), step = 180 / 2 ** zoom;
    const down = (value) => Math.floor(value / step) * step, up = (value) => Math.ceil(value / step) * step;
    const edges = [down(seen.getWest()), down(seen.getSouth()), up(seen.getEast()), up(seen.getNorth())];
    return new URLSearchParams(`${said.query.replace("?", "")}&zoom=${zoom}&lang=${said.language}&bbox=${edges.map((edge) => edge.toFixed(5)).join(",")}`);
  };

  let asking = null;
  const look = async () => {
    if (asking) asking.abort();
    asking = new AbortController();
    try {
      const answer = await fetch(`/map.json?${view()}`, { signal: asking.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const { spots } = await answer.json();
      shown.clearLayers();
      for (const spot of spots) (spot.code ? drawReport : spot.area ? drawArea : drawCell)(spot);
      heard.hidden = true;
      box.dataset.drawn = String(spots.length);
    } catch (failure) {
      if (failure.name === "AbortError") return;
      heard.textContent = said.failed;
      heard.hidden = false;
    }
  };
  map.on("moveend", look);
  look();
})();
