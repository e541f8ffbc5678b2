"""installed_sdk.py CMAKE GENERATOR SDK_SOURCE: installs the SDK to a temporary prefix and uses it from there as a stranger would.

Configures, builds and tests the installed examples outside of any tree, looks at the modules with readelf and nm, and builds the C one once more
with pkg-config alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def expect(condition, text):
    if not condition:
        raise SystemExit(text)


def check_module(path, name):
    symbols = [line.split()[-1] for line in run("nm", "-D", "--defined-only", path).splitlines()]
    expect(symbols == ["tenon_entry_v1"], f"{path} exports {symbols}")
    notes = run("readelf", "-n", path)
    expect("TENON" in notes and "0x544e0001" in notes, f"{path} has no note:\n{notes}")
    with open(path, "rb") as file:
        expect(f"\nname: {name}\n".encode() in file.read(), f"{path} does not contain its manifest")
    dynamic = run("readelf", "-dW", path)
    for word in ("RPATH", "RUNPATH", "TEXTREL", "STATIC_TLS"):
        expect(word not in dynamic, f"{path} has {word}:\n{dynamic}")
    expect("BIND_NOW" in dynamic and "SYMBOLIC" in dynamic, f"{path} is not linked by the rules:\n{dynamic}")
    segments = run("readelf", "-lW", path)
    stack = [line for line in segments.splitlines() if "GNU_STACK" in line]
    expect(len(stack) == 1 and " RWE" not in stack[0] and "GNU_RELRO" in segments, f"{path}: segments\n{segments}")
    undefined = [line.split()[-1] for line in run("nm", "-D", "--undefined-only", path).splitlines()]
    expect(not [s for s in undefined if s.startswith("tenon_")], f"{path} links against the host: {undefined}")


def main():
    cmake, generator, sdk = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        # A directory with a space in its name, as strangers have them.
        work = os.path.join(directory, "a stranger's")
        prefix = os.path.join(work, "prefix")
        os.mkdir(work)
        run(cmake, "-G", generator, "-S", sdk, "-B", f"{work}/sdk", f"-DCMAKE_INSTALL_PREFIX={prefix}")
        run(cmake, "--install", f"{work}/sdk", "--component", "sdk")
        # Installed files are found at run time, not baked in: a prefix may be moved.
        moved = os.path.join(work, "moved")
        os.rename(prefix, moved)
        examples = [d for d, _, files in os.walk(moved) if os.path.basename(d) == "examples" and "CMakeLists.txt" in files]
        expect(len(examples) == 1, f"the examples are not installed: {examples}")
        shutil.copytree(examples[0], f"{work}/mine")
        build = f"{work}/build"
        run(cmake, "-G", generator, "-S", f"{work}/mine", "-B", build, f"-DCMAKE_PREFIX_PATH={moved}", "-DCMAKE_BUILD_TYPE=Debug",
            "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")
        run(cmake, "--build", build)
        tests = run("ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error")
        expect("100% tests passed" in tests, tests)
        check_module(f"{build}/libminimal_c.so", "minimal_c")
        check_module(f"{build}/libminimal_cpp.so", "minimal_cpp")
        if shutil.which("pkg-config"):
            # Shells and Makefiles split what pkg-config prints at spaces: no space in this one.
            shutil.copytree(moved, f"{directory}/plain")
            by_hand(work, f"{directory}/plain")
        else:
            print("pkg-config is not there: that part was left out")
    print("the installed SDK works")
    return 0


def by_hand(work, prefix):
    pc = [d for d, _, files in os.walk(prefix) if "tenon-sdk.pc" in files]
    environment = dict(os.environ, PKG_CONFIG_PATH=pc[0])
    with open(f"{work}/mine/minimal.c", encoding="utf-8") as file:
        source = file.read()
    manifest = 'TENON_MANIFEST("manifest: 1\\nsdk: \\"1.0\\"\\nname: by_hand\\nversion: 1.0.0\\nneeds: [tenon.log/1]\\n");\n'
    with open(f"{work}/by_hand.c", "w", encoding="utf-8") as file:
        file.write(source + manifest)
    flags = run("pkg-config", "--cflags", "tenon-sdk", env=environment).split()
    link = run("pkg-config", "--variable=module_ldflags", "tenon-sdk", env=environment).split()
    run("cc", '-DTENON_MODULE_NAME="by_hand"', '-DTENON_MODULE_VERSION="1.0.0"', *flags, "by_hand.c", *link, "-o", "libby_hand.so", cwd=work)
    check_module(f"{work}/libby_hand.so", "by_hand")


sys.exit(main())
