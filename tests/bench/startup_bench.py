#!/usr/bin/env python3
"""Start-up, stop and memory of tenond with N generated plugins, against a bare loop of dlopen(RTLD_NOW) + dlsym + one call over the same files.

usage: startup_bench.py BUILD_DIR [--sizes 10,100,1000] [--rounds 7] [--work DIR] [--json FILE]

Stop is measured from SIGTERM to the end of the process, without what a daemon without plugins takes, and without what the system takes to end the bare
process, which has the same files mapped and runs no destructors. Plugin i requires plugin i-1 and carries a full manifest (the example of the documentation, with the capabilities this version serves). Every figure is a
median over interleaved rounds; ratios compare medians of one run.
"""
import argparse, glob, json, os, re, shutil, signal, socket, statistics, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

MANIFEST = """manifest: 1
sdk: "1.0"
name: bench_{i}
version: 1.4.2
description: Order book number {i}
requires:
  - logger
{previous}after: [bench_unknown]
capabilities: [runnable]
needs: [tenon.log/1, {{id: tenon.config/1, optional: true}}]
provides:
  services: [bench_{i}.create, bench_{i}.get]
  events: ["bench_{i}.>"]
permissions:
  services: {{call: ["catalog.*"]}}
  events: {{publish: ["billing.order"], subscribe: ["catalog.price.*"]}}
  storage: {{namespaces: [], max_bytes: 256MiB}}
  http: {{routes: ["/bench_{i}/orders", "/bench_{i}/orders/{{rest...}}"]}}
config_schema:
  type: object
  additionalProperties: false
  properties:
    page_size: {{type: integer, minimum: 1, maximum: 1000, live: true}}
    title: {{type: string, maxLength: 64}}
    retry: {{type: string, format: tenon-duration}}
defaults: {{page_size: 50, title: orders, retry: 5s}}
timeouts: {{start: 20s}}
"""

COMMON = r"""
#include "tenon/config.h"
#include "tenon/log.h"
typedef struct state { const tenon_log *log; tenon_ctx *ctx; int running; } state;
static tenon_status do_create(tenon_ctx *ctx, tenon_call *call, void **self, tenon_error *err) {
  (void)call; (void)err;
  static state s;
  s.ctx = ctx; s.log = (const tenon_log *)ctx->host->query(ctx, TENON_STR(TENON_LOG));
  *self = &s;
  return s.log ? TENON_OK : TENON_FAILED_PRECONDITION;
}
static tenon_status do_init(void *self, tenon_call *call, tenon_error *err) { (void)self; (void)call; (void)err; return TENON_OK; }
static tenon_status do_start(void *self, tenon_call *call, tenon_error *err) { (void)call; (void)err; ((state *)self)->running = 1; return TENON_OK; }
static tenon_status do_stop(void *self, tenon_call *call, tenon_error *err) { (void)call; (void)err; ((state *)self)->running = 0; return TENON_OK; }
static void do_destroy(void *self) { (void)self; }
static const tenon_lifecycle life = {sizeof life, 0, do_create, 0, do_init, 0, do_start, do_stop, do_destroy};
TENON_NEED(need_log, TENON_LOG, tenon_log, write);
TENON_NEED_OPTIONAL(need_config, TENON_CONFIG, tenon_config, optional_i64);
static const tenon_need *const needs[] = {&need_log, &need_config};
static const void *do_query(tenon_str id) { (void)id; return 0; }
static const tenon_module module = {sizeof module, 0, TENON_STR_INIT(NAME), TENON_STR_INIT("1.4.2"), needs, 2, &life, do_query};
TENON_ENTRY(module);
#include MANIFEST_FILE
TENON_MANIFEST(BENCH_MANIFEST);
"""

BARE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "tenon/core.h"
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e6 + t.tv_nsec / 1e3; }
static long rss(const char *key) { char line[256]; long kb = 0; FILE *f = fopen("/proc/self/smaps_rollup", "r");
  while (fgets(line, sizeof line, f)) if (sscanf(line, key, &kb) == 1) break; fclose(f); return kb; }
int main(int argc, char **argv) {
  long before = rss("Rss: %ld");
  double t = now();
  for (int i = 1; i < argc; ++i) {
    void *h = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
    if (!h) { fprintf(stderr, "%s\n", dlerror()); return 1; }
    const tenon_entry *e = (const tenon_entry *)dlsym(h, "tenon_entry_v1");
    if (e->modules[0]->query(TENON_STR("x"))) return 2;
  }
  t = now() - t;
  printf("%.1f %ld\n", t, rss("Rss: %ld") - before);
  fflush(stdout);
  _exit(0);
}
"""


def build_plugins(directory, n, include):
    os.makedirs(directory, exist_ok=True)
    flags = ["-O2", "-fPIC", "-fvisibility=hidden", "-I" + include, "-std=gnu11"]
    link = ["-shared", "-s", "-Wl,-z,defs,-z,now,-z,relro,-z,noexecstack,-Bsymbolic", "-Wl,--build-id"]
    source = os.path.join(directory, "common.c")
    with open(source, "w") as f:
        f.write(COMMON)

    def one(i):
        out = os.path.join(directory, "libbench_%d.so" % i)
        if os.path.exists(out):
            return
        previous = "  - {name: bench_%d, version: \">=1.2 <2\"}\n" % (i - 1) if i else ""
        text = MANIFEST.format(i=i, previous=previous)
        header = os.path.join(directory, "m%d.h" % i)
        with open(header, "w") as f:
            f.write("#define BENCH_MANIFEST " + " \\\n  ".join(json.dumps(line + "\n") for line in text.splitlines()) + "\n")
        subprocess.run(["gcc", *flags, *link, "-DNAME=\"bench_%d\"" % i, "-DMANIFEST_FILE=\"m%d.h\"" % i, "-o", out, source], check=True)
        os.unlink(header)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, range(n)))
    os.unlink(source)
    os.chmod(directory, 0o755)


def memory(pid):
    text = open("/proc/%d/smaps_rollup" % pid).read()
    # Dirty only: clean pages of libraries count as private just because no other process happens to map them.
    private = sum(int(x) for x in re.findall(r"Private_Dirty:\s+(\d+)", text))
    return int(re.search(r"Rss:\s+(\d+)", text).group(1)), private


def run_bare(bare, files):
    """The loop's own time, resident memory, and how long the process takes to end when the loop is over."""
    process = subprocess.Popen([bare, *files], stdout=subprocess.PIPE, text=True)
    t, kb = process.stdout.readline().split()
    over = time.monotonic()
    if process.wait() != 0:
        sys.exit("the bare loop failed")
    end_us = (time.monotonic() - over) * 1e6
    process.stdout.close()
    return float(t), int(kb), end_us


class Daemon:
    """tenond from exec to READY=1, measured at a notify socket."""

    def __init__(self, tenond, plugins, state, more=()):
        self.path = os.path.join(os.path.dirname(state), "notify")
        if os.path.exists(self.path):
            os.unlink(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(self.path)
        listener.settimeout(1)
        env = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": self.path, "HOME": "/nonexistent"}
        self.begin = time.monotonic()
        self.process = subprocess.Popen([tenond, "run", "--state-dir", state, "--plugins-dir", plugins, "--manifests-dir", plugins, "--log-level", "warn",
                                         "--set", "lifecycle.stop_total=60s", *more], env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while True:
            try:
                if b"READY=1" in listener.recv(4096):
                    break
            except TimeoutError:
                if self.process.poll() is not None:
                    sys.exit("tenond ended with %d before it was ready: %s" % (self.process.returncode, self.process.stderr.read().decode()[:2000]))
        self.ready_us = (time.monotonic() - self.begin) * 1e6
        self.listener = listener

    def stop(self):
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        errors = self.process.stderr.read()
        code = self.process.wait()
        self.listener.close()
        if code != 0 or errors:
            sys.exit("tenond ended with %d: %s" % (code, errors.decode()[:2000]))
        return (time.monotonic() - begin) * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--sizes", default="10,100,1000")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work")
    parser.add_argument("--json")
    args = parser.parse_args()
    tenond = os.path.join(os.path.abspath(args.build), "bin", "tenond")
    work = os.path.abspath(args.work) if args.work else tempfile.mkdtemp(prefix="tenon-bench-", dir=os.path.abspath(args.build))
    os.makedirs(work, exist_ok=True)
    include = os.path.join(REPO, "sdk", "include")
    bare = os.path.join(work, "bare")
    with open(bare + ".c", "w") as f:
        f.write(BARE)
    subprocess.run(["gcc", "-O2", "-I" + include, "-o", bare, bare + ".c"], check=True)
    median = statistics.median
    results = {}

    os.sync()  # pages of a program that was just linked count as dirty until they are written
    empty = os.path.join(work, "none")
    os.makedirs(empty, exist_ok=True)
    state = os.path.join(work, "state-empty")
    ready, rss, private, base_stop = [], [], [], []
    for _ in range(max(args.rounds, 15)):
        d = Daemon(tenond, empty, state)
        ready.append(d.ready_us)
        time.sleep(0.05)
        r, p = memory(d.process.pid)
        rss.append(r)
        private.append(p)
        mapped = open("/proc/%d/maps" % d.process.pid).read()
        for word in ("libgrpc", "libcurl", "httplib", "libpq"):
            if word in mapped:
                sys.exit(word + " is mapped")
        base_stop.append(d.stop())
    bare_end = median([run_bare(bare, [])[2] for _ in range(15)])
    results["empty"] = {"bare_end_us": bare_end, "ready_ms": median(ready) / 1e3, "rss_kib": median(rss), "private_kib": median(private), "stop_ms": median(base_stop) / 1e3}
    print("logger alone: ready %.1f ms after exec (at most 12), resident %.1f MiB (12), private dirty %.1f MiB (4), stop %.2f ms"
          % (median(ready) / 1e3, median(rss) / 1024, median(private) / 1024, median(base_stop) / 1e3))

    print("%6s %10s %10s %7s %10s %7s %12s %12s %14s" % ("N", "bare ms", "warm ms", "ratio", "cold ms", "ratio", "stop us/mod", "unmap us/mod", "KiB/mod above"))
    for n in (int(x) for x in args.sizes.split(",")):
        plugins = os.path.join(work, "plugins-%d" % n)
        build_plugins(plugins, n, include)
        files = [os.path.join(plugins, "libbench_%d.so" % i) for i in range(n)]
        state = os.path.join(work, "state-%d" % n)
        shutil.rmtree(state, ignore_errors=True)
        Daemon(tenond, plugins, state).stop()
        # A new one each round, removed only at the end: for some seconds ext4 passes over the inode of each removed file, one by one, for each new one.
        cold_states = os.path.join(work, "cold-%d-%d" % (n, os.getpid()))
        bares, bare_rss, bare_ends, warms, colds, stops, memories = [], [], [], [], [], [], []
        for i in range(args.rounds):
            t, kb, end_us = run_bare(bare, files)
            bares.append(t)
            bare_rss.append(kb)
            bare_ends.append(end_us)
            d = Daemon(tenond, plugins, state)
            warms.append(d.ready_us)
            time.sleep(0.1)
            memories.append(memory(d.process.pid)[0])
            stops.append(d.stop())
            cold = "%s-%d" % (cold_states, i)
            d = Daemon(tenond, plugins, cold)
            colds.append(d.ready_us)
            d.stop()
        extra = (median(memories) - results["empty"]["rss_kib"] - median(bare_rss)) / n
        bare_end = max(0.0, median(bare_ends) - results["empty"]["bare_end_us"])
        stop = (median(stops) - results["empty"]["stop_ms"] * 1e3 - bare_end) / n
        print("%6d %10.2f %10.2f %6.2fx %10.2f %6.2fx %12.1f %12.1f %14.1f" % (n, median(bares) / 1e3, median(warms) / 1e3, median(warms) / median(bares),
                                                                   median(colds) / 1e3, median(colds) / median(bares), stop, bare_end / n, extra))
        results[str(n)] = {"bare_us": median(bares), "warm_us": median(warms), "cold_us": median(colds), "stop_us_per_module": stop, "unmap_us_per_module": bare_end / n, "kib_per_module": extra}
    report = os.path.join(work, "report.json")
    largest = args.sizes.split(",")[-1]
    d = Daemon(tenond, os.path.join(work, "plugins-" + largest), os.path.join(work, "state-" + largest), ["--startup-report", report])
    d.stop()
    host = json.load(open(report))["host"]
    print("where the time goes, N = %s: " % largest + ", ".join("%s %.1f ms" % (p["phase"], (p["end_us"] - p["start_us"]) / 1e3) for p in host if p["end_us"]))
    for left in glob.glob(os.path.join(work, "cold-*")):
        shutil.rmtree(left)
    if args.json:
        json.dump(results, open(args.json, "w"), indent=1)
    if not args.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
