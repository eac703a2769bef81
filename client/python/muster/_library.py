# SPDX-License-Identifier: Apache-2.0
"""
libmuster by ctypes: where it is found, and the prototype of each function of muster.h.

The library of the variable MUSTER_LIBRARY (a path), or libmuster.so.0 as the loader finds it.
"""
from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_longlong
from typing import Any

SONAME = "libmuster.so.0"


class _Muster(ctypes.Structure):
    """struct muster"""


class _MusterStatus(ctypes.Structure):
    """struct muster_status"""


HANDLE: Any = POINTER(_Muster)
STATUS: Any = POINTER(_MusterStatus)
TEXT = POINTER(c_char_p)  # const char **ret
NUMBER = POINTER(c_longlong)

_OF_HANDLE = (HANDLE,)
_OF_INDEX = (HANDLE, c_int)
_OF_STATUS = (STATUS,)
_OF_PRODUCT = (STATUS, c_int)
_OF_VERB = (HANDLE, c_char_p, c_int)

# Function: what it returns, what it takes. The tests compare this table with muster.h.
PROTOTYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "muster_version": (c_char_p, ()),
    "muster_new": (HANDLE, ()),
    "muster_free": (None, _OF_HANDLE),
    "muster_set": (c_int, (HANDLE, c_char_p, c_char_p)),
    "muster_option": (c_char_p, (c_int, POINTER(c_int))),
    "muster_activate": (c_int, _OF_VERB),
    "muster_renew": (c_int, (HANDLE, c_char_p, c_int, c_int)),
    "muster_release": (c_int, _OF_VERB),
    "muster_signin": (c_int, (HANDLE, c_char_p, c_char_p, c_char_p, c_int)),
    "muster_signout": (c_int, _OF_VERB),
    "muster_redeem": (c_int, (HANDLE, c_char_p, c_char_p, c_int)),
    "muster_reset": (c_int, (HANDLE, c_char_p, c_int, c_int)),
    "muster_reset_undo": (c_int, (HANDLE, c_char_p, c_char_p, c_int)),
    "muster_reset_count": (c_int, _OF_HANDLE),
    "muster_reset_step": (c_char_p, _OF_INDEX),
    "muster_reset_result": (c_char_p, _OF_INDEX),
    "muster_reset_file": (c_char_p, _OF_HANDLE),
    "muster_request": (c_int, (HANDLE, c_char_p, c_char_p, TEXT)),
    "muster_bundle": (c_int, (HANDLE, c_char_p, c_char_p, TEXT)),
    "muster_import": (c_int, (HANDLE, c_char_p)),
    "muster_installation_id": (c_int, (HANDLE, c_char_p, TEXT)),
    "muster_confirm": (c_int, (HANDLE, c_char_p)),
    "muster_generalize": (c_int, _OF_HANDLE),
    "muster_where": (c_int, (HANDLE, c_int)),
    "muster_next_due": (c_int, (HANDLE, NUMBER)),
    "muster_cancel": (None, _OF_HANDLE),
    "muster_process": (c_int, _OF_HANDLE),
    "muster_fd": (c_int, _OF_HANDLE),
    "muster_events": (c_int, _OF_HANDLE),
    "muster_timeout": (c_int, _OF_HANDLE),
    "muster_outcome_count": (c_int, _OF_HANDLE),
    "muster_outcome_product": (c_char_p, _OF_INDEX),
    "muster_outcome_code": (c_int, _OF_INDEX),
    "muster_outcome_what": (c_char_p, _OF_INDEX),
    "muster_outcome_detail": (c_char_p, _OF_INDEX),
    "muster_outcome_correlation": (c_char_p, _OF_INDEX),
    "muster_outcome_notice": (c_int, (HANDLE, c_int, c_int)),
    "muster_error_number": (c_int, _OF_HANDLE),
    "muster_error_name": (c_char_p, _OF_HANDLE),
    "muster_error_text": (c_char_p, _OF_HANDLE),
    "muster_error_remedy": (c_char_p, _OF_HANDLE),
    "muster_error_detail": (c_char_p, _OF_HANDLE),
    "muster_error_correlation": (c_char_p, _OF_HANDLE),
    "muster_error_value": (c_int, (HANDLE, c_char_p, NUMBER)),
    "muster_error_temporary": (c_int, _OF_HANDLE),
    "muster_error_retry_after": (c_int, _OF_HANDLE),
    "muster_error_exit": (c_int, _OF_HANDLE),
    "muster_step_count": (c_int, _OF_HANDLE),
    "muster_step_source": (c_char_p, _OF_INDEX),
    "muster_step_target": (c_char_p, _OF_INDEX),
    "muster_step_address": (c_char_p, _OF_INDEX),
    "muster_step_port": (c_int, _OF_INDEX),
    "muster_step_result": (c_char_p, _OF_INDEX),
    "muster_step_reason": (c_char_p, _OF_INDEX),
    "muster_step_ms": (c_int, _OF_INDEX),
    "muster_status": (c_int, (HANDLE, POINTER(STATUS))),
    "muster_status_free": (None, _OF_STATUS),
    "muster_status_device": (c_char_p, _OF_STATUS),
    "muster_status_forked_from": (c_char_p, _OF_STATUS),
    "muster_status_clock_suspect": (c_int, _OF_STATUS),
    "muster_status_count": (c_int, _OF_STATUS),
    "muster_status_find": (c_int, (STATUS, c_char_p)),
    "muster_status_product": (c_char_p, _OF_PRODUCT),
    "muster_status_name": (c_char_p, _OF_PRODUCT),
    "muster_status_state": (c_char_p, _OF_PRODUCT),
    "muster_status_user": (c_char_p, _OF_PRODUCT),
    "muster_status_model": (c_char_p, _OF_PRODUCT),
    "muster_status_expires": (c_longlong, _OF_PRODUCT),
    "muster_status_renew_after": (c_longlong, _OF_PRODUCT),
    "muster_status_org": (c_char_p, _OF_PRODUCT),
    "muster_status_serial": (c_longlong, _OF_PRODUCT),
    "muster_status_on_expiry": (c_char_p, _OF_PRODUCT),
    "muster_status_notice": (c_int, _OF_PRODUCT),
    "muster_status_grace_ends": (c_longlong, _OF_PRODUCT),
    "muster_status_host": (c_char_p, _OF_PRODUCT),
    "muster_status_plans": (c_int, _OF_PRODUCT),
    "muster_status_plan": (c_char_p, (STATUS, c_int, c_int)),
    "muster_status_have": (c_longlong, _OF_PRODUCT),
    "muster_status_need": (c_longlong, _OF_PRODUCT),
    "muster_status_error_number": (c_int, _OF_PRODUCT),
    "muster_status_error_name": (c_char_p, _OF_PRODUCT),
    "muster_status_error_text": (c_char_p, _OF_PRODUCT),
    "muster_status_error_remedy": (c_char_p, _OF_PRODUCT),
    "muster_status_error_detail": (c_char_p, _OF_PRODUCT),
    "muster_status_error_correlation": (c_char_p, _OF_PRODUCT),
    "muster_status_error_temporary": (c_int, _OF_PRODUCT),
    "muster_status_error_value": (c_int, (STATUS, c_int, c_char_p, NUMBER)),
    "muster_status_prompt": (c_int, _OF_PRODUCT),
    "muster_status_exit": (c_int, _OF_PRODUCT),
    "muster_explain": (c_int, (c_char_p, TEXT, TEXT, TEXT, POINTER(c_int))),
}


def _load() -> ctypes.CDLL:
    """The library with its prototypes set. ImportError when there is none, or an older one."""
    path = os.environ.get("MUSTER_LIBRARY") or SONAME
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"{error}; MUSTER_LIBRARY may name the path of {SONAME}") from error
    for name, (returns, takes) in PROTOTYPES.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise ImportError(f"{path} has no {name}: it is older than this package") from error
        function.restype, function.argtypes = returns, list(takes)
    return library


lib = _load()
