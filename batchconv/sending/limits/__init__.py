"""A family: may one more request start now?"""

from __future__ import annotations

from batchconv.sending.limits.admission_gate import AdmissionGate

__all__ = ["AdmissionGate"]
