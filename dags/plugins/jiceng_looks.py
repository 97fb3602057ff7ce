"""What a viewer is answered: a page as it was drawn, the one before it with a mark, or that it comes in a moment."""

from hashlib import sha256
from time import localtime, strftime

from fastapi import HTTPException, Response
from fastapi.responses import HTMLResponse
from jiceng_apart import Drawn

HEADERS = {
    "Cache-Control": "private, no-cache",  # a browser may keep it, and asks each time whether it still holds
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
}
NOT_THE_LAST = HEADERS | {"Cache-Control": "no-store", "Retry-After": "3"}
IN_A_MOMENT = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>基层 Jiceng</title>
<p style="font-family: sans-serif">另一个页面正在绘制，本页稍后自动出现。<br>
Another page is being drawn; this one comes in a moment.</p>"""
EARLIER = """<p class="note">本页绘于 {0}，此后有了变化；新的一页正在绘制，请稍后重新载入。
<span class="en">Drawn at {0}. Something has changed since; load the page again in a moment.</span></p>"""
FAULTS = {
    500: "The page could not be drawn; the log of the API server tells why.",
    504: "The page took too long to draw and was given up; JICENG_PAGE_SECONDS allows more.",
}


def answer(drawn: Drawn | None, state: str, known: str) -> Response:
    """The answer to somebody who wants a page of this state, and knows those of the tags `known`."""
    if drawn is None:
        return HTMLResponse(IN_A_MOMENT, 503, NOT_THE_LAST | {"Refresh": "3"})
    if drawn.status in FAULTS:
        raise HTTPException(drawn.status, FAULTS[drawn.status])
    if drawn.state != state:
        head, main, rest = drawn.body.decode().partition("<main>")
        mark = EARLIER.format(strftime("%Y-%m-%d %H:%M:%S", localtime(drawn.at)))
        return HTMLResponse(head + main + mark + rest, drawn.status, NOT_THE_LAST)
    tag = f'"{sha256(drawn.body).hexdigest()[:32]}"'
    if tag in known:
        return Response(status_code=304, headers=HEADERS | {"ETag": tag})
    return HTMLResponse(drawn.body, drawn.status, HEADERS | {"ETag": tag})
