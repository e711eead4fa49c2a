/* Reports that wait on this phone for the network. The page and its worker (desk/static/report_worker.js) share it.
   A report is sent as it was written down, with its form's own number: however often it is sent, it is one. */
"use strict";
self.reportQueue = (() => {
  const opened = () => new Promise((done, failed) => {
    const asked = indexedDB.open("lapor", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("reports", { keyPath: "nonce" });
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });

  const within = async (mode, work) => {
    const store = await opened();
    try {
      return await new Promise((done, failed) => {
        const going = store.transaction("reports", mode), asked = work(going.objectStore("reports"));
        going.oncomplete = () => done(asked.result);
        going.onerror = going.onabort = () => failed(going.error);
      });
    } finally {
      store.close();
    }
  };

  const all = () => within("readonly", (reports) => reports.getAll());
  const put = (report) => within("readwrite", (reports) => reports.put(report));
  const drop = (nonce) => within("readwrite", (reports) => reports.delete(nonce));

  // {to} where it led, or {waits} when the network or the house has to be asked again
  const send = async ({ fields }) => {
    const form = new FormData();
    for (const [name, value, file] of fields) file ? form.append(name, value, file) : form.append(name, value);
    try {
      const answer = await fetch("/report", { method: "POST", body: form });
      const to = new URL(answer.url), wrong = to.searchParams.get("wrong");
      if (!answer.redirected || wrong === "not_now" || wrong === "too_many") return { waits: true };
      return { to: to.pathname + to.search, wrong };
    } catch {
      return { waits: true };
    }
  };

  // behind its token a report has its code once it is read
  const follow = async (report) => {
    try {
      const to = new URL((await fetch(report.to)).url).pathname;
      if (to !== report.to) await put({ ...report, to });
    } catch { /* later */ }
  };
  const followAll = async () => {
    for (const report of await all()) if (report.to && report.to.startsWith("/report/")) await follow(report);
  };

  // one at a time, though several tabs and the worker want to; tells each report that left
  const sendAll = () => navigator.locks.request("lapor-reports", async () => {
    const left = [];
    for (const report of await all()) {
      if (report.to) continue;
      const { to, wrong } = await send(report);
      if (!to) continue;
      const done = { nonce: report.nonce, at: report.at, to, wrong };
      await put(done);
      left.push(done);
    }
    return left;
  });

  return { all, put, drop, sendAll, followAll };
})();
