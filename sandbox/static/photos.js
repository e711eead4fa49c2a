// Photos for the phones: read from a file, drawn as a sample, shown small before they are sent.

const asText = (blob) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(blob);
});

/** {text: data URL, small: a canvas or null, name} of a file. */
export async function readPhoto(blob, name) {
  return { text: await asText(blob), small: await small(blob), name };
}

async function small(blob) {
  try {
    const image = await createImageBitmap(blob);
    const canvas = Object.assign(document.createElement("canvas"), { width: 88, height: 68 });
    const scale = Math.max(88 / image.width, 68 / image.height);
    const [w, h] = [image.width * scale, image.height * scale];
    canvas.getContext("2d").drawImage(image, (88 - w) / 2, (68 - h) / 2, w, h);
    return canvas;
  } catch {
    return null; // not an image: it is sent all the same
  }
}

/** A street with a hole in it, a little different every time. */
export async function samplePhoto() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 960, height: 720 });
  draw(canvas.getContext("2d"));
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
  return readPhoto(blob, "contoh.jpg");
}

function draw(pen) {
  const any = (low, high) => low + Math.random() * (high - low);
  const area = (colour, points) => {
    pen.fillStyle = colour;
    pen.beginPath();
    points.forEach(([x, y]) => pen.lineTo(x, y));
    pen.fill();
  };
  const sky = pen.createLinearGradient(0, 0, 0, 300);
  sky.addColorStop(0, "#8fc4e8");
  sky.addColorStop(1, "#f3e6cf");
  pen.fillStyle = sky;
  pen.fillRect(0, 0, 960, 300);
  for (let x = 0; x < 960; x += 80) {
    const height = any(60, 190);
    area(["#b98b6a", "#9a6f57", "#c7a98a", "#7f8a86"][Math.floor(any(0, 4))],
      [[x, 300], [x, 300 - height], [x + 78, 300 - height], [x + 78, 300]]);
  }
  area("#7d9a5b", [[0, 300], [960, 300], [960, 720], [0, 720]]);
  area("#5c6063", [[400, 300], [560, 300], [940, 720], [20, 720]]);
  for (let y = 320; y < 720; y += 70) area("#e9e4d2", [[478, y], [482, y], [485 + y / 90, y + 34], [475 - y / 90, y + 34]]);
  const [x, y, r] = [any(360, 600), any(480, 600), any(60, 100)];
  for (const [colour, size] of [["#3f4244", 1], ["#2a2523", 0.8], ["#6b5a48", 0.5]]) {
    pen.fillStyle = colour;
    pen.beginPath();
    for (let a = 0; a < 6.28; a += 0.5) pen.lineTo(x + Math.cos(a) * r * size * any(0.85, 1.1), y + Math.sin(a) * r * 0.45 * size * any(0.85, 1.1));
    pen.fill();
  }
}
