"""What no client can do better that has to find out by being refused: computed, not measured.

A limiter says nothing before it refuses. To notice that more is allowed, a client has to send
more than was allowed before; if nothing has changed, one request at least is refused for it. So of
few requests, many are refused to whoever is to notice it in time.
"""

from __future__ import annotations

from math import sqrt


def every(deadline: float, lasts: float, used: float, saved: float) -> float:
    """Seconds that may pass at most from one try above to the next.

    The allowance doubles at any moment. Until the next try half of it is used. A try comes late
    by (every - deadline)^2 / (2 every) seconds on the mean, and that is what *used* leaves.

    Args:
        deadline: seconds after the change from which on it is measured.
        lasts: seconds for which it is measured.
        used: the share of the allowance that is to be used.
        saved: seconds' worth of the allowance that may be made good at once.
    """
    late = 2 * ((1 - used) * lasts + saved)
    half = deadline + late
    return half + sqrt(half**2 - deadline**2)


def least_refused(
    allowed: float, window: float, deadline: float, lasts: float, *, used: float
) -> float:
    """The share of requests that is refused while nothing changes.

    Args:
        allowed: requests a second.
        window: seconds' worth of them that the limiter may let through at once.
        deadline: seconds after a change from which on it is measured.
        lasts: seconds for which it is measured.
        used: the share of the allowance that is to be used, also after it has doubled.
    """
    tries = lasts / every(deadline, lasts, used, max(window, 0.5 / allowed))
    accepted = allowed * lasts + max(1.0, allowed * window)
    return tries / (tries + accepted)
