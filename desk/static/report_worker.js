/* Keeps the form at /report at hand for when there is no network, and sends what waits once there is. */
"use strict";
importScripts("/desk/static/report_queue.js");
const KEPT = "lapor-report-1";
const PARTS = ["desk.css", "mark.svg", "report.js", "report_photos.js", "report_queue.js", "report_pin.js", "ground.js", "leaflet/leaflet.js", "leaflet/leaflet.css"]
  .map((name) => `/desk/static/${name}`);
const WHOLE = ["/report", "/map/areas.json", ...PARTS];

self.addEventListener("install", (event) => event.waitUntil(
  caches.open(KEPT).then((kept) => kept.addAll(WHOLE)).then(() => self.skipWaiting())));

self.addEventListener("activate", (event) => event.waitUntil(
  caches.keys().then((names) => Promise.all(names.filter((name) => name.startsWith("lapor-report-") && name !== KEPT).map((name) => caches.delete(name))))
    .then(() => self.clients.claim())));

// the network first: what is kept is for when there is none
self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || !WHOLE.includes(pathname)) return;
  event.respondWith((async () => {
    const kept = await caches.open(KEPT);
    try {
      const answer = await fetch(event.request);
      if (answer.ok && !answer.redirected) await kept.put(pathname, answer.clone());
      return answer;
    } catch (failure) {
      const known = await kept.match(pathname);
      if (!known) throw failure;
      return known;
    }
  })());
});

self.addEventListener("sync", (event) => {
  if (event.tag === "reports") event.waitUntil(self.reportQueue.sendAll());
});
