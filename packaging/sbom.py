#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the built programs take along, as SPDX 2.3: the shared libraries that each needs, and what is linked into it, with the Debian
package of each. Usage: sbom.py VERSION ARCHIVE PROGRAM ... Nothing in it depends on when and where it was made."""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def needed(program):
    return re.findall(r"^\s*NEEDED\s+(\S+)$", output("objdump", "-p", program), re.M)


def libraries():
    """Where the loader finds each: name -> path, of this machine's kind first."""
    found = {}
    for name, path in re.findall(r"^\s*(\S+) \(.*\) => (\S+)$", output("/sbin/ldconfig", "-p"), re.M):
        found.setdefault(name, path)
    return found


def owner(path):
    """The Debian package of a file: name, version, architecture."""
    real = os.path.realpath(path)
    # A merged /usr: the package may know the file by its older name.
    for name in (real, real.removeprefix("/usr"), path):
        done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            package = done.stdout.split(": ")[0]
            return output("dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}", package).split()
    raise SystemExit(f"sbom.py: no package has {path}")


def identifier(text):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", text)


def package_of(name, version, architecture):
    escaped = version.replace("+", "%2B").replace(":", "%3A").replace("~", "%7E")
    return {"SPDXID": identifier(f"Package-{name}"), "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:deb/debian/{name}@{escaped}?arch={architecture}"}]}


def program_of(path, version):
    name = pathlib.Path(path).name
    digest = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    return {"SPDXID": identifier(f"Program-{name}"), "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False, "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
            "checksums": [{"algorithm": "SHA256", "checksumValue": digest}]}


def main():
    version, archive, *programs = sys.argv[1:]
    paths = libraries()
    packages, relations = {}, []
    for path in programs:
        program = program_of(path, version)
        packages[program["SPDXID"]] = program
        relations.append(("SPDXRef-DOCUMENT", "DESCRIBES", program["SPDXID"]))
        for kind, file in [("STATIC_LINK", archive)] + [("DYNAMIC_LINK", paths[name]) for name in needed(path)]:
            package = package_of(*owner(file))
            packages[package["SPDXID"]] = package
            relations.append((program["SPDXID"], kind, package["SPDXID"]))
    body = {"packages": [packages[key] for key in sorted(packages)],
            "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                              for a, kind, b in sorted(set(relations))]}
    # Its name and time come from what it says; SOURCE_DATE_EPOCH is what package builds set.
    name = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    created = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc)
    document = {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"muster-{version}",
                "documentNamespace": f"urn:uuid:{name}",
                "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: muster-sbom"]}, **body}
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
