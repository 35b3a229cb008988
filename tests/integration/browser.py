"""A person in front of Chromium: mouse, keys, downloads, over its debugging pipe (CDP)."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio")
_BUTTON = {"button": "left", "buttons": 1, "clickCount": 1}


class Browser:
    """A page in a headless browser; to be used as a context.

    Parameters
    ----------
    profile : Path
        Folder of the browser's own files.
    """

    def __init__(self, profile):
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        options = [*_OPTIONS, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
        shell = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'  # where the browser expects them
        self._process = subprocess.Popen(
            ["bash", "-c", shell, CHROMIUM, *options, "about:blank"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._numbers, self._rest, self._session = itertools.count(1), b"", {}
        self.events = []

    def __enter__(self):
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        session = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = {"sessionId": session["sessionId"]}
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *error):
        self._process.terminate()
        self._process.wait(timeout=30)
        os.close(self._read)
        os.close(self._write)

    def call(self, method, **params):
        """Return what the browser answers; what it says meanwhile is kept in `events`."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (said := self._next()).get("id") != number:
            self.events.append(said)
        assert "error" not in said, said
        return said["result"]

    def _next(self):
        while b"\0" not in self._rest:
            self._rest += os.read(self._read, 1 << 20)
        said, _, self._rest = self._rest.partition(b"\0")
        return json.loads(said)

    def open(self, file, width=1366, height=900, phone=False, dark=False):
        """Open a file from disk in a window of some size."""
        scale = 2 if phone else 1
        self.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone},
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.call("Page.navigate", url=file.as_uri())
        self.wait("document.readyState === 'complete'")

    def ask(self, expression):
        """Return the value of an expression in the page."""
        asked = {"returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", expression=expression, **asked)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition, seconds=240):
        """Return when a condition in the page is true."""
        until = time.monotonic() + seconds
        while not self.ask(condition):
            assert time.monotonic() < until, condition
            time.sleep(0.05)

    def mouse(self, kind, x, y, **more):
        """Move, press or release the mouse at a place of the window."""
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def click(self, x, y):
        """Click a place of the window."""
        self.mouse("Moved", x, y)
        self.mouse("Pressed", x, y, **_BUTTON)
        self.mouse("Released", x, y, **_BUTTON)

    def drag(self, start, end):
        """Press the mouse at one place and release it at another."""
        self.mouse("Moved", *start)
        self.mouse("Pressed", *start, **_BUTTON)
        for share in (0.2, 0.6, 1):
            place = [a + share * (b - a) for a, b in zip(start, end, strict=True)]
            self.mouse("Moved", *place, button="left", buttons=1)
        self.mouse("Released", *end, **_BUTTON)

    def press(self, key, text=""):
        """Press a key."""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self):
        """Return the whole page as a PNG file."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])
