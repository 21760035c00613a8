#!/usr/bin/env bash
# `venv.sh FOLDER REQUIREMENTS` makes sure that FOLDER is a Python environment with exactly the packages that the file REQUIREMENTS lists.
set -euo pipefail
folder=$1
wanted=$2

cmp -s "$wanted" "$folder/requirements.txt" && exit 0
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$wanted"
# Last: an environment that was not finished is made again.
cp "$wanted" "$folder/requirements.txt"
