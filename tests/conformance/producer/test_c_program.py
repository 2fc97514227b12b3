"""The producer under a C consumer: a thousand cycles without a leak, and under the sanitizers without a word.

In: drive_producer.c, compiled against the producer. Out: its exit status and the sizes of both processes. A sanitizer
or valgrind that is not installed is skipped by name.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
NAMES = ["TriggerMode", "TriggerSource", "TriggerSoftware", "AcquisitionStart", "AcquisitionStop"]
MIB = 2**20
QUICK = {"readout_us": 10.0, "max_rate_hz": 1000.0}


def compile_driver(recipe, folder, *flags):
    driver = folder / "drive_producer"
    sources = ["-I", str(recipe.SOURCES), str(HERE / "drive_producer.c")]
    common = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]
    subprocess.run([recipe.find_compiler(), *common, *flags, *sources, "-o", str(driver), "-ldl"], check=True)
    return driver


def drive(server, command, cycles):
    addresses = [f"{name}={address}" for name, address in server.ask("addresses", names=NAMES).items()]
    ran = subprocess.run(
        [*command, str(server.producer), str(cycles), *addresses],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran


def test_thousand_cycles_leave_neither_consumer_nor_simulator_larger(serve, recipe, tmp_path):
    server = serve(spec=QUICK)
    driver = compile_driver(recipe, tmp_path)
    drive(server, [str(driver)], 50)
    before = server.rss_bytes()
    early, late = map(int, drive(server, [str(driver)], 1000).stdout.split())
    assert late - early < MIB
    assert server.rss_bytes() - before < 2 * MIB


def test_sanitizers_find_nothing(serve, recipe, tmp_path):
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    probe = tmp_path / "probe.c"
    probe.write_text("int main(void) { return 0; }")
    tried = subprocess.run([recipe.find_compiler(), *flags, str(probe), "-o", str(tmp_path / "probe")], check=False)
    if tried.returncode:
        pytest.skip("this compiler has no sanitizers installed")
    server = serve(spec=QUICK)
    recipe.build(server.producer, flags)  # a new file under the old name: the simulator keeps its own
    ran = drive(server, [str(compile_driver(recipe, tmp_path, *flags))], 40)
    assert ran.stderr == ""


def test_valgrind_finds_nothing(serve, recipe, tmp_path):
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        pytest.skip("valgrind is not installed")
    server = serve(spec=QUICK)
    driver = compile_driver(recipe, tmp_path)
    drive(server, [valgrind, "-q", "--error-exitcode=99", "--leak-check=full", str(driver)], 10)
