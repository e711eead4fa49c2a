/* The kelurahan's outlines as the ground of a Leaflet map, from our own address: no tile server is needed. */
"use strict";
window.drawGround = (map, isFilled, chosen) => {
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ground = L.layerGroup().addTo(map);
  const rings = (steps, unit) => {
    let lat = 0, long = 0;
    const corners = [];
    for (let at = 0; at < steps.length; at += 2) {
      lat += steps[at]; long += steps[at + 1];
      corners.push([lat / unit, long / unit]);
    }
    return corners;
  };
  return fetch("/map/areas.json").then((answer) => answer.json()).then((found) => {
    const drawn = { color: ink("--quiet"), weight: 1, opacity: 0.45, fill: isFilled, fillColor: ink("--card"), fillOpacity: 0.9, interactive: false };
    const asked = { ...drawn, color: ink("--main"), weight: 2, opacity: 0.8 };
    const isAsked = (code) => Boolean(chosen) && `${code}.`.startsWith(`${chosen}.`);
    const codes = Object.keys(found.areas).sort((one, other) => isAsked(one) - isAsked(other));
    for (const code of codes)
      L.polygon(found.areas[code].map((steps) => [rings(steps, found.steps)]), isAsked(code) ? asked : drawn).addTo(ground);
    for (const each of ground.getLayers().reverse()) each.bringToBack();
    map.getContainer().dataset.ground = "drawn";
  }).catch(() => {});
};
