// What the page says, in Indonesian and English; the choice is kept in the browser.

const WORDS = {
  id: {
    title: "Lima ponsel warga",
    lead: "Tulis laporan seperti warga, lewat kanal apa saja, dan baca jawabannya di sini.",
    note: "Ini hanya tiruan: tidak ada pesan yang keluar dari komputer ini.",
    links: "Tautan", channels: "Kanal", map: "Peta publik", desk: "Meja petugas", other: "English",
    me: "Saya", to: "ke", fresh: "Jadi orang lain", attach: "Lampirkan foto", sample: "Foto contoh",
    place: "Bagikan lokasi", write: "Tulis pesan…", send: "Kirim", reply: "Balas", remove: "Buang",
    empty: "Belum ada pesan. Coba tulis: “Lampu jalan mati di Jl. Tebet Raya, sudah tiga hari.”",
    off: "Kanal ini memakai akun sungguhan atau sedang mati, jadi tidak ditiru di sini.",
    own: "Pakai", lat: "Lintang", long: "Bujur", file: "berkas", photo: "foto",
    waiting: "Bot belum bisa menerima. Pesan akan dikirim lagi sendiri.",
    refused: "Bot menolak pesan ini", failed: "Tidak terkirim", away: "Sandbox tidak menjawab. Apakah programnya masih berjalan?",
    choose: "Pilih lokasi untuk tombol ini.",
  },
  en: {
    title: "Five citizens’ phones",
    lead: "Write a report as a citizen would, on any channel, and read the answer here.",
    note: "All of this is played: no message leaves this machine.",
    links: "Links", channels: "Channels", map: "Public map", desk: "Officials’ desk", other: "Bahasa Indonesia",
    me: "Me", to: "to", fresh: "Be somebody else", attach: "Attach a photo", sample: "Sample photo",
    place: "Share a location", write: "Write a message…", send: "Send", reply: "Reply", remove: "Remove",
    empty: "No messages yet. Try: “Street light out on Jl. Tebet Raya, three days now.”",
    off: "This channel has a real account or is switched off, so it is not played here.",
    own: "Use", lat: "Latitude", long: "Longitude", file: "file", photo: "photo",
    waiting: "The bot cannot take it now. The message will be sent again by itself.",
    refused: "The bot refused this message", failed: "Not sent", away: "The sandbox does not answer. Is the program still running?",
    choose: "Choose a location for this button.",
  },
};

let language = localStorage.getItem("sandbox language") === "en" ? "en" : "id";

export const say = (key) => WORDS[language][key];

export function switchLanguage() {
  language = language === "id" ? "en" : "id";
  localStorage.setItem("sandbox language", language);
}

/** Put the words into everything below `root` that names them. */
export function translate(root) {
  document.documentElement.lang = language;
  for (const el of root.querySelectorAll("[data-t]")) el.textContent = say(el.dataset.t);
  for (const el of root.querySelectorAll("[data-t-title]")) el.title = say(el.dataset.tTitle);
  for (const el of root.querySelectorAll("[data-t-label]")) el.setAttribute("aria-label", say(el.dataset.tLabel));
  for (const el of root.querySelectorAll("[data-t-hint]")) el.placeholder = say(el.dataset.tHint);
}
