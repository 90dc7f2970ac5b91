"""Measurements: python tools/benchmark.py {serving,training,detection-set,real-seals,real-strips} …"""

import sys
from importlib import import_module

BENCHMARKS = {
    "serving": "sealkit.bench.serving",
    "training": "sealkit.bench.training_speed",
    "detection-set": "sealkit.bench.detection_set",
    "real-seals": "sealkit.bench.real_seals",
    "real-strips": "sealkit.bench.real_strips",
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHMARKS:
        sys.exit(f"{__doc__}\n  next: name one of {', '.join(BENCHMARKS)}; --help after it lists its options")
    sys.exit(import_module(BENCHMARKS[sys.argv[1]]).main(sys.argv[2:]))
