"""A web server that behaves as told, and miniatures of the published archives to have from it."""

import io
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import tifffile
from PIL import Image


@dataclass
class Site:
    """What a server offers, how it behaves, and what it was asked.

    Attributes
    ----------
    files : dict of str to bytes
        By path.
    stops : list of int
        Of the next answers, after how many bytes each ends.
    refusals : list of int
        Status codes with which the next requests are refused.
    ranges : bool
        Whether a part can be asked for.
    chunked : bool
        Whether the length of a file is not announced.
    tag : str
        Header ETag.
    asked : list
        Path and range of each request.
    """

    url: str = ""
    files: dict = field(default_factory=dict)
    stops: list = field(default_factory=list)
    refusals: list = field(default_factory=list)
    ranges: bool = True
    chunked: bool = False
    tag: str = '"first"'
    asked: list = field(default_factory=list)


@contextmanager
def serving():
    """Yield a `Site` that is served on this machine."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path, part = self.path.lstrip("/"), self.headers.get("Range")
            site.asked.append((path, part))
            content = site.files.get(path)
            status = site.refusals.pop(0) if site.refusals else 404 if content is None else 200
            if status != 200:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = 0
            if part and site.ranges and self.headers.get("If-Range") == site.tag:
                start = int(part.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if site.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(content) - start))
            self.send_header("ETag", site.tag)
            if start:
                last = len(content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
            self.end_headers()
            end = start + site.stops.pop(0) if site.stops else len(content)
            sent = content[start:end]
            if site.chunked:
                sent = b"%x\r\n%s\r\n" % (len(sent), sent) if sent else b""
                sent += b"0\r\n\r\n" if end >= len(content) else b""
            self.wfile.write(sent)
            self.close_connection = True

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# Archives -----------------------------------------------------------------------------------


def zipped(files):
    """Return a ZIP archive of files by name."""
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, ZIP_DEFLATED)
    return stream.getvalue()


def shape(seed, size):
    """Return rows and columns of the object of `picture`: its size and proportions by chance."""
    sides = np.random.default_rng([seed, 1]).integers(size // 3, 2 * size // 3, 2)
    return tuple(slice((size - side) // 2, (size + side) // 2) for side in sides)


def picture(seed, form="png", size=24):
    """Return an image file that no other seed has: a bright rectangle on black."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((size, size, 3), np.uint8)
    place = pixels[shape(seed, size)]
    place[:] = rng.integers(100, 255, place.shape)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


def mask(seed, size=24):
    """Return the mask of `picture` as JPEG, whose edges are not quite black and white."""
    pixels = np.zeros((size, size), np.uint8)
    pixels[shape(seed, size)] = 255
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "jpeg", quality=80)
    return stream.getvalue()


LENSLESS = ("Volvox", "Stentor", "Blepharisma  americanum")
WHOI15 = ("Ditylum", "pennate", "detritus")
SIPAKMED = ("Dyskeratotic", "Koilocytotic", "Parabasal")


def lensless(each=10):
    """Folders of splits in folders of their names, masks beside, two blanks in one name."""
    files = {"PlanktonData/.DS_Store": b"", "PlanktonData/readme.txt": b"read me"}
    for split, count in (("TRAIN", each), ("TEST", each // 2)):
        for k, label in enumerate(LENSLESS):
            for i in range(count):
                place = f"{label}/{split}_{i}.jpg"
                seed = 1000 * k + i + 500 * (split == "TEST")
                outer = f"PlanktonData/{split}_IMAGE/{split}_IMAGE"
                files[f"{outer}/{place}"] = picture(seed, "jpeg")
                files[f"{outer.replace('IMAGE', 'IMAGEBIN')}/{place}"] = mask(seed)
    return zipped(files)


def whoi15(each=14):
    """The archive of a repository, with other years and its code."""
    root, files = "Anomaly-9a2aea8", {"Anomaly-9a2aea8/train.py": b"pass"}
    for year in (2007, 2008):
        for k, label in enumerate(WHOI15):
            for i in range(each):
                name = f"IFCB1_{year}_{10 + i % 7:03}_00{k}{i:02}_00001.png"
                place = f"{root}/data/WHOI15_2007-2010/{year}/train/{label}/{name}"
                files[place] = picture(year + 1000 * k + i)
    return zipped(files)


def vacuoles(each=10):
    """Training images twice: by class, and by cluster."""
    files = {"Dataset/hand_crafted_features/test/positive/features.csv": b"1,2"}
    for folder in ("train_annotated", "test", "train_clustershcf"):
        for k, label in enumerate(("condensed", "multiple", "positive", "negative")):
            for i in range(each):
                name = f"cluster_{k}" if folder == "train_clustershcf" else label
                seed = 100 * k + i + 5000 * (folder == "test")
                files[f"Dataset/images/{folder}/{name}/{i}.png"] = picture(seed, size=80)
    return zipped(files)


def sipakmed(each=12):
    """Cells cut out of clusters, beside the images of the clusters."""
    files = {}
    for k, label in enumerate(SIPAKMED):
        outer = f"im_{label}/im_{label}"
        for i in range(each):
            cluster = f"{1 + i // 2:03}"
            files[f"{outer}/{cluster}.bmp"] = picture(9000 + 100 * k + i, "bmp")
            cell = f"{outer}/CROPPED/{cluster}_{1 + i % 2:02}"
            files[f"{cell}.bmp"] = picture(100 * k + i, "bmp")
            files[f"{cell}_cyt.dat"] = b"1 2 3"
    return zipped(files)


NUCLEI = ((60, 60), (60, 150), (150, 60), (105, 100), (105, 118))
"""Centres of the nuclei of each field of the screen; the last two touch."""

TREATMENTS = (("DMSO", 0.0, "DMSO"), ("taxol", 0.3, "Microtubule stabilizers"), ("AZ-A", 3.0, ""))
"""Compound, concentration and mechanism of action, which is not known of all."""


def field_of_view(seed, height=220):
    """Return a TIFF file of 16 bit: bright discs, one of them at the edge, on noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :height]
    pixels = rng.normal(300, 20, (height, height))
    for row, column in (*NUCLEI, (4, 4)):
        pixels[np.hypot(y - row, x - column) <= 9] += rng.uniform(12000, 16000)
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels.clip(0, 65535).astype(np.uint16))
    return stream.getvalue()


@cache
def bbbc021(fields=2):
    """Return the files of a screen: its tables, and an archive for each of two plates."""
    header = "TableNumber,ImageNumber,Image_Metadata_Plate_DAPI,Image_Metadata_Well_DAPI,"
    header += "Image_Metadata_Compound,Image_Metadata_Concentration,"
    lines = [header + ",".join(f"Image_FileName_{c}" for c in ("DAPI", "Tubulin", "Actin"))]
    files = {}
    for week in (1, 2):
        plate, images = f"Week{week}_2{week}123", {}
        for k, (compound, concentration, _) in enumerate(TREATMENTS):
            for i in range(fields):
                well, site = f"{'BCD'[k]}{2 + i // 2:02}", 1 + i % 2
                names = [f"Week{week}_{well}_s{site}_w{c}.tif" for c in (1, 2, 4)]
                for c, name in enumerate(names):
                    images[f"{plate}/{name}"] = field_of_view(1000 * week + 100 * k + 10 * i + c)
                cells = ("1", "1", plate, well, compound, str(concentration), *names)
                lines.append(",".join(cells))
        files[f"BBBC021_v1_images_{plate}.zip"] = zipped(images)
    mechanisms = [",".join(map(str, row)) for row in TREATMENTS if row[2]]
    moa = "\n".join(["compound,concentration,moa", *mechanisms])
    tables = {"BBBC021_v1_image.csv": "\n".join(lines), "BBBC021_v1_moa.csv": moa}
    return files | {name: text.encode() for name, text in tables.items()}
