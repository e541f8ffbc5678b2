#include "crash_handler.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

#include "abi/strict.hpp"
#include "base/sanitizer.hpp"
#include "daemon/journal.hpp"
#include "kernel/gate.hpp"
#include "kernel/owner.hpp"

namespace tenon::host {
namespace {

// Handlers get no argument of ours: what they read must be global. Written before they are installed, or atomic.
std::atomic<const CodeRanges*> code_ranges{nullptr};
std::atomic<LogCore*> log_core{nullptr};
std::atomic<const Strict*> strict_host{nullptr};
std::atomic<int> marker_directory{-1};
pid_t own_pid = 0;  // a child that a module forked must not write the lines of its parent again
std::array<char, 32> host_version_text{};
struct stat journal {};  // what standard error is, if that is the journal's; else all zero
std::atomic<bool> crashing{false};
std::atomic<bool> exit_expected{false};

constexpr std::array<int, 7> fatal_signals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

// A line put together without allocation; what does not fit is cut.
class Line {
 public:
  Line& operator<<(std::string_view text) {
    const std::size_t n = std::min(text.size(), buffer_.size() - used_);
    std::memcpy(buffer_.data() + used_, text.data(), n);
    used_ += n;
    return *this;
  }
  Line& number(std::uint64_t value, unsigned base = 10) {
    std::array<char, 20> digits{};
    std::size_t i = digits.size();
    do {
      digits[--i] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    return *this << std::string_view(digits.data() + i, digits.size() - i);
  }
  void write_to(int fd) const {
    std::size_t done = 0;
    while (done < used_) {
      const ssize_t n = ::write(fd, buffer_.data() + done, used_ - done);
      if (n <= 0) return;
      done += static_cast<std::size_t>(n);
    }
  }

 private:
  std::array<char, 1024> buffer_{};
  std::size_t used_ = 0;
};

std::string_view signal_name(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    case SIGABRT:
      return "SIGABRT";
    case SIGTRAP:
      return "SIGTRAP";
    case SIGSYS:
      return "SIGSYS";
    default:
      return "signal";
  }
}

std::uintptr_t program_counter(const void* context) {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<std::uintptr_t>(static_cast<const ucontext_t*>(context)->uc_mcontext.pc);
#else
  static_cast<void>(context);
  return 0;
#endif
}

// The module this thread is inside of, by its frames; else by the code it was executing.
struct Culprit {
  std::string_view module, phase;
  const CodeRange* range = nullptr;
};
Culprit find_culprit(std::uintptr_t pc) {
  Culprit out;
  const CodeRanges* ranges = code_ranges.load(std::memory_order_acquire);
  out.range = pc != 0 && ranges != nullptr ? ranges->find(pc) : nullptr;
  if (const Frame* frame = current_frame()) {
    if (const Owner* owner = frame->owner.load(std::memory_order_relaxed)) out.module = owner->name();
    out.phase = phase_name(frame->phase());
  } else if (out.range != nullptr) {
    out.module = out.range->module;
    out.phase = "a thread of its own";
  }
  return out;
}

// Where a line goes; one for the journal begins with its priority.
int begin_line(Line& line) {
  const LogCore* log = log_core.load(std::memory_order_acquire);
  const int fd = log != nullptr ? log->crash_fd() : STDERR_FILENO;
  struct stat st {};
  if (journal.st_ino != 0 && ::fstat(fd, &st) == 0 && st.st_dev == journal.st_dev && st.st_ino == journal.st_ino) line << "<2>";
  return fd;
}

// An access to a view that was taken back when the function it was lent to returned.
void report_stale_view(const siginfo_t* info) {
  const Strict* strict = strict_host.load(std::memory_order_acquire);
  Strict::Lent lent;
  if (strict == nullptr || info == nullptr || info->si_code <= 0 || !strict->find_lent(info->si_addr, lent)) return;
  Line line;
  const int fd = begin_line(line);
  line << "tenond " << std::string_view(host_version_text.data()) << ": strict STALE_VIEW: " << lent.what << ", which module `"
       << lent.module << "` was lent, was used after the function it was given to had returned: copy what is to be kept\n";
  line.write_to(fd);
}

void report(std::string_view what, const Culprit& culprit, std::uintptr_t pc) {
  Line line;
  const int fd = begin_line(line);
  line << "tenond " << std::string_view(host_version_text.data()) << ": " << what;
  if (culprit.module.empty())
    line << " in the host";
  else
    line << " in module `" << culprit.module << "`, " << culprit.phase;
  if (culprit.range != nullptr) {
    line << ", code of `" << culprit.range->module << "` at +0x";
    line.number(pc - culprit.range->begin, 16);
    if (!culprit.range->build_id.empty()) line << ", build id " << culprit.range->build_id;
  }
  line << ", thread ";
  line.number(static_cast<std::uint64_t>(::gettid()));
  line << "\n";
  line.write_to(fd);

  const int directory = marker_directory.load(std::memory_order_relaxed);
  if (directory < 0) return;
  const int file = ::openat(directory, crash_marker_name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  Line marker;
  marker.number(static_cast<std::uint64_t>(now.tv_sec));
  marker << " " << (culprit.module.empty() ? std::string_view("-") : culprit.module) << " " << what << "\n";
  marker.write_to(file);
  ::close(file);
}

// Not installed under sanitizers, which report fatal signals themselves.
void on_fatal_signal(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  if (crashing.exchange(true)) {
    // Another thread is reporting already: give it time, then crash as well.
    const timespec second = {1, 0};
    ::nanosleep(&second, nullptr);
  } else {
    const std::uintptr_t pc = program_counter(context);
    // First what was logged before the crash. The log's lock may be held by this very thread: this takes none.
    if (const LogCore* log = log_core.load(std::memory_order_acquire); log != nullptr && ::getpid() == own_pid) log->flush_from_crash();
    report(signal_name(signal), find_culprit(pc), pc);
    if (signal == SIGSEGV) report_stale_view(info);
  }
  // Back to the default and return: the instruction runs again, so that the core shows it. What was sent rather than caused is sent again.
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  ::sigaction(signal, &fallback, nullptr);
  if (info == nullptr || info->si_code <= 0) ::raise(signal);
  errno = saved;
}

/// Where the handler runs if the stack itself has overflowed. As long as the thread: one that is written off may still need it.
struct AlternateStack {
  static constexpr std::size_t size = 32 * 1024;
  AlternateStack() = default;
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;
  ~AlternateStack() {
    if (memory == nullptr) return;
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    ::munmap(memory, size);
  }
  void* memory = nullptr;
};
thread_local AlternateStack alternate_stack;

/// The innermost address on this thread's stack that is a module's: who called exit() from a thread of its own. The unwinder takes no lock of the
/// dynamic loader, which a hanging constructor may hold.
std::uintptr_t caller_in_a_module() {
  std::uintptr_t found = 0;
  static_cast<void>(_Unwind_Backtrace(
      [](_Unwind_Context* context, void* data) {
        const CodeRanges* ranges = code_ranges.load(std::memory_order_acquire);
        const std::uintptr_t at = _Unwind_GetIP(context);
        if (ranges == nullptr || ranges->find(at) == nullptr) return _URC_NO_REASON;
        *static_cast<std::uintptr_t*>(data) = at;
        return _URC_END_OF_STACK;
      },
      &found));
  return found;
}

void on_exit_called() {
  if (exit_expected.load(std::memory_order_acquire)) return;
  // No signal handler, and no lock of the log is held while module code runs: the log can be written out as at any other end.
  if (LogCore* log = log_core.load(std::memory_order_acquire); log != nullptr && ::getpid() == own_pid) log->flush();
  const std::uintptr_t caller = caller_in_a_module();
  report("exit() was called", find_culprit(caller), caller);
  ::_exit(70);
}

}  // namespace

void reinstall_crash_handler() {
  if (is_sanitized) return;
  struct sigaction action {};
  action.sa_sigaction = &on_fatal_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  ::sigemptyset(&action.sa_mask);
  for (int signal : fatal_signals) ::sigaction(signal, &action, nullptr);
}

CrashHandler::CrashHandler(const CodeRanges& ranges, LogCore& log, int directory_fd, const std::string& version, const Strict* strict) {
  strict_host.store(strict, std::memory_order_release);
  code_ranges.store(&ranges, std::memory_order_release);
  log_core.store(&log, std::memory_order_release);
  marker_directory.store(directory_fd, std::memory_order_relaxed);
  own_pid = ::getpid();
  if (!stderr_is_journal() || ::fstat(STDERR_FILENO, &journal) != 0) journal = {};
  std::memcpy(host_version_text.data(), version.data(), std::min(version.size(), host_version_text.size() - 1));
  prepare_thread_for_crashes();
  reinstall_crash_handler();
  std::atexit(&on_exit_called);
}

CrashHandler::~CrashHandler() {
  code_ranges.store(nullptr, std::memory_order_release);
  strict_host.store(nullptr, std::memory_order_release);
  log_core.store(nullptr, std::memory_order_release);
  marker_directory.store(-1, std::memory_order_relaxed);
}

void prepare_thread_for_crashes() {
  if (is_sanitized) return;
  if (alternate_stack.memory != nullptr) return;
  void* const memory = ::mmap(nullptr, AlternateStack::size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return;
  alternate_stack.memory = memory;
  const stack_t stack = {memory, 0, AlternateStack::size};
  ::sigaltstack(&stack, nullptr);
}

void expect_exit() { exit_expected.store(true, std::memory_order_release); }

}  // namespace tenon::host
