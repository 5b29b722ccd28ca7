"""What schemathesis must not do to the machine that a test runs on, nor to the run itself.

A restore writes to the path that it is given, and a disk is taken in from one. Whatever is made up,
a path leads into the folder of the test; every other path is a good one, which chance never finds.
"""

import os
import zlib

import schemathesis

FOLDER = os.environ["HOLDFAST_FOLDER"]
OWN_ACCOUNT = os.environ["HOLDFAST_ACCOUNT"]

# Fields that hold paths, and how good ones begin. The test leaves a file at the first of the disks;
# at the other three there is nothing.
PATHS = {"target": "restored", "device": "spare"}


def confined(name, value):
    if isinstance(value, dict):
        return {key: confined(key, one) for key, one in value.items()}
    if isinstance(value, list):
        return [confined(name, one) for one in value]
    if not isinstance(value, str):
        return value
    number = zlib.crc32(value.encode("utf-8", "surrogatepass"))
    if name in PATHS and number % 2 == 0:
        return f"{FOLDER}/{PATHS[name]}-{number % 8 // 2}"
    return f"{FOLDER}/{number % 8}" if value.startswith("/") else value


@schemathesis.hook
def before_call(context, case, kwargs):
    case.body = confined(None, case.body)
    # Whoever removes himself or takes another password is signed out.
    if case.path_parameters.get("name") == OWN_ACCOUNT:
        case.path_parameters["name"] = "somebody"
