/* A photo before it is sent: what place its EXIF names (offered, never taken unasked), and made small enough for a phone's network. */
"use strict";
self.reportPhotos = (() => {
  const LONGEST = 2048, SMALL = 600e3; // pixels of the longer side; bytes

  // the way up that EXIF names is drawn into the picture; null: it stays as it is
  const smaller = async (file) => {
    if (file.size <= SMALL) return null;
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const by = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * by); canvas.height = Math.round(picture.height * by);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const made = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    return made && made.size < file.size ? new File([made], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" }) : null;
  };

  const shrink = async (input) => {
    const kept = new DataTransfer();
    for (const file of input.files) kept.items.add((await smaller(file).catch(() => null)) || file);
    input.files = kept.files;
  };

  // latitude and longitude of EXIF's GPS part (Exif 2.32, 4.6.6), null where there is none
  const place = async (file) => {
    const seen = new DataView(await file.slice(0, 131072).arrayBuffer());
    try {
      if (seen.getUint16(0) !== 0xffd8) return null;
      for (let at = 2; at < seen.byteLength - 4; at += 2 + seen.getUint16(at + 2))
        if (seen.getUint16(at) === 0xffe1 && seen.getUint32(at + 4) === 0x45786966) return gps(seen, at + 10);
    } catch { /* cut off, or made up */ }
    return null;
  };

  const gps = (seen, start) => {
    const little = seen.getUint16(start) === 0x4949;
    const u16 = (at) => seen.getUint16(at, little), u32 = (at) => seen.getUint32(at, little);
    const find = (part, tag) => {
      for (let n = u16(part), at = part + 2; n > 0; n--, at += 12) if (u16(at) === tag) return at;
      return null;
    };
    const pointer = find(start + u32(start + 4), 0x8825);
    if (pointer === null) return null;
    const part = start + u32(pointer + 8);
    const degrees = (tag, negative) => {
      const side = find(part, tag), at = find(part, tag + 1);
      if (side === null || at === null) return NaN;
      const from = start + u32(at + 8);
      const [d, m, s] = [0, 8, 16].map((by) => u32(from + by) / u32(from + by + 4));
      return (String.fromCharCode(seen.getUint8(side + 8)) === negative ? -1 : 1) * (d + m / 60 + s / 3600);
    };
    const lat = degrees(1, "S"), long = degrees(3, "W");
    return Number.isFinite(lat) && Number.isFinite(long) && Math.abs(lat) <= 90 && Math.abs(long) <= 180 && (lat || long) ? [lat, long] : null;
  };

  return { shrink, place };
})();
