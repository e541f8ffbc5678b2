#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>

namespace tenon::test {
namespace fs = std::filesystem;

TempDir::TempDir(const std::string& parent) {
  fs::create_directories(parent);
  std::string pattern = parent + "/tenon.XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  ::chmod(pattern.c_str(), 0755);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (std::getenv("TENON_KEEP_TMP") == nullptr) fs::remove_all(path_, ignored);
}

std::string TempDir::write(const std::string& name, const std::string& text, mode_t mode) const {
  const std::string path = path_ + "/" + name;
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  ::chmod(path.c_str(), mode);
  return path;
}

std::string TempDir::make_dir(const std::string& name, mode_t mode) const {
  const std::string path = path_ + "/" + name;
  fs::create_directories(path);
  ::chmod(path.c_str(), mode);
  return path;
}

std::string TempDir::copy(const std::string& from, const std::string& name) const {
  const std::string path = path_ + "/" + name;
  fs::create_directories(fs::path(path).parent_path());
  fs::copy_file(from, path, fs::copy_options::overwrite_existing);
  return path;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

struct Process::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::string out, err;
  bool ended = false;  // both pipes are closed
  std::thread reader;
};

Process::Process(const std::vector<std::string>& arguments, const ProcessOptions& options) : state_(std::make_shared<State>()) {
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  std::vector<std::string> environment = {"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + std::string(TENON_TEST_SCRATCH)};
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"})
    if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  for (const auto& [name, value] : options.environment) environment.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  for (const std::string& e : environment) envp.push_back(const_cast<char*>(e.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  if (!options.working_directory.empty()) posix_spawn_file_actions_addchdir_np(&actions, options.working_directory.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const mode_t before = options.umask_002 ? ::umask(0002) : 0;
  const int failed = ::posix_spawn(&pid_, argv[0], &actions, &attributes, argv.data(), envp.data());
  if (options.umask_002) ::umask(before);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(out[1]);
  ::close(err[1]);
  if (failed != 0) throw std::runtime_error("cannot start " + arguments[0]);

  out_pipe_ = out[0];
  err_pipe_ = err[0];
  if (!options.unread) {
    read_on();
    return;
  }
  // Fewer than a page cannot be had.
  for (int fd : {out[0], err[0]}) ::fcntl(fd, F_SETPIPE_SZ, 4096);
}

std::size_t Process::unread_bytes() const {
  int bytes = 0;
  ::ioctl(err_pipe_, FIONREAD, &bytes);
  return static_cast<std::size_t>(bytes);
}

void Process::read_on() {
  state_->reader = std::thread([state = state_, a = out_pipe_, b = err_pipe_] {
    pollfd fds[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
    char buffer[4096];
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
      if (::poll(fds, 2, -1) < 0) continue;
      for (int i = 0; i < 2; ++i) {
        if (fds[i].fd < 0 || fds[i].revents == 0) continue;
        const ssize_t n = ::read(fds[i].fd, buffer, sizeof buffer);
        if (n <= 0) {
          ::close(fds[i].fd);
          fds[i].fd = -1;
          continue;
        }
        const std::lock_guard lock(state->mutex);
        (i == 0 ? state->out : state->err).append(buffer, static_cast<std::size_t>(n));
        state->changed.notify_all();
      }
    }
    const std::lock_guard lock(state->mutex);
    state->ended = true;
    state->changed.notify_all();
  });
}

Process::~Process() {
  if (status_ == -2) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (state_->reader.joinable()) {
    state_->reader.join();
  } else {
    ::close(out_pipe_);
    ::close(err_pipe_);
  }
}

bool Process::wait_for(const std::string& text, std::chrono::milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  const auto there = [&] { return state_->err.find(text) != std::string::npos || state_->out.find(text) != std::string::npos; };
  state_->changed.wait_for(lock, limit * slow_factor(), [&] { return there() || state_->ended; });
  return there();
}

void Process::signal(int number) const { ::kill(pid_, number); }

int Process::wait(std::chrono::milliseconds limit) {
  if (status_ != -2) return status_;
  const bool ended = eventually(
      [&] {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return true;
      },
      limit * slow_factor());
  if (!ended) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    status_ = -1;
  }
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, std::chrono::seconds(5), [&] { return state_->ended; });
  return status_;
}

std::string Process::out() const {
  const std::lock_guard lock(state_->mutex);
  return state_->out;
}

std::string Process::err() const {
  const std::lock_guard lock(state_->mutex);
  return state_->err;
}

std::string tenond() { return TENON_TEST_TENOND; }

Ran run(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  Process p(arguments, options);
  const int exit = p.wait(std::chrono::seconds(60));
  return {exit, p.out(), p.err()};
}

int slow_factor() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 10;
#else
  return 1;
#endif
}

}  // namespace tenon::test
