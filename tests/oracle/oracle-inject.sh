#!/bin/sh
# The oracle with injected invalidations, another seed than its own run's.
exec "${VEMU_BUILD:-.}/tests/oracle/oracle" -n 3000 -s 7 -i 7
