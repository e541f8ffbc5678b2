#include "base/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "base/text.hpp"

namespace tenon::host {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

FileBytes::FileBytes(std::size_t size) : data_(static_cast<std::byte*>(std::malloc(size != 0 ? size : 1))), size_(size) {
  if (data_ == nullptr) throw std::bad_alloc();
}

FileBytes& FileBytes::operator=(FileBytes&& o) noexcept {
  if (this != &o) {
    std::free(data_);
    data_ = std::exchange(o.data_, nullptr);
    size_ = std::exchange(o.size_, 0);
  }
  return *this;
}

FileBytes::~FileBytes() { std::free(data_); }

Result<FileBytes> read_all(int fd, std::size_t max, std::string_view name) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return Error::system(errno, "cannot examine `" + printable(name, 4096) + "`");
  const auto too_large = [&] {
    return Error{Code::resource_exhausted, "`" + printable(name, 4096) + "` is larger than " + format_size(max), {}, 0, ExitCode::config};
  };
  const std::size_t expected = S_ISREG(st.st_mode) && st.st_size > 0 ? static_cast<std::size_t>(st.st_size) : 0;
  if (expected > max) return too_large();
  // One byte more than expected, so that the end of a file of known size is seen without growing.
  FileBytes bytes(std::min(max, expected) + 1);
  std::size_t used = 0;
  for (;;) {
    if (used == bytes.size()) {
      if (used > max) return too_large();
      FileBytes larger(std::min(max + 1, bytes.size() * 2 + 4096));
      std::copy_n(bytes.data(), used, larger.data());
      bytes = std::move(larger);
    }
    const ssize_t n = ::read(fd, bytes.data() + used, bytes.size() - used);
    if (n < 0) {
      if (errno == EINTR) continue;
      return Error::system(errno, "cannot read `" + printable(name, 4096) + "`");
    }
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  if (used > max) return too_large();
  bytes.truncate(used);
  return bytes;
}

Result<std::string> read_text_file(const std::string& path, std::size_t max) {
  // Not blocking: opening a FIFO without a writer would wait for ever.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd)
    return Error::system(errno, "cannot open `" + printable(path, 4096) + "`", errno == ENOENT ? ExitCode::no_input : ExitCode::io_error);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return Error::system(errno, "cannot examine `" + printable(path, 4096) + "`");
  if (!S_ISREG(st.st_mode))
    return Error{Code::invalid_argument, "`" + printable(path, 4096) + "` is not a regular file", {}, 0, ExitCode::no_input};
  Result<FileBytes> bytes = read_all(fd.get(), max, path);
  if (!bytes) return bytes.error();
  return std::string(bytes->view());
}

Result<void> write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return Error::system(errno, "cannot write");
    }
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

namespace {

// As mkostemp makes them, which knows no directories by descriptor.
UniqueFd create_beside(int directory, const std::string& name, std::string& made) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  for (int tries = 100; tries > 0; --tries) {
    unsigned char random[6];
    if (::getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) return {};
    made = name + ".";
    for (const unsigned char r : random) made += letters[r % letters.size()];
    UniqueFd fd(::openat(directory, made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (fd || errno != EEXIST) return fd;
  }
  return {};
}

}  // namespace

Result<void> write_file_atomic(const std::string& path, std::string_view data, mode_t mode, bool sync) {
  return write_file_atomic_at(AT_FDCWD, path, path, data, mode, sync);
}

Result<void> write_file_atomic_at(int directory, const std::string& name, const std::string& shown, std::string_view data, mode_t mode,
                                  bool sync) {
  std::string temporary;
  const UniqueFd fd = create_beside(directory, name, temporary);
  if (!fd) return Error::system(errno, "cannot create a file beside `" + printable(shown, 4096) + "`", ExitCode::cannot_create);
  const auto fail = [&](int err, const char* what) {
    ::unlinkat(directory, temporary.c_str(), 0);
    return Error::system(err, std::string(what) + " `" + printable(shown, 4096) + "`");
  };
  if (Result<void> r = write_all(fd.get(), data); !r) return fail(r.error().sys_errno, "cannot write");
  if (::fchmod(fd.get(), mode) != 0) return fail(errno, "cannot set the mode of");
  if (sync && ::fsync(fd.get()) != 0) return fail(errno, "cannot sync");
  if (::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) return fail(errno, "cannot replace");
  return {};
}

void remove_temporaries(const std::string& path) noexcept {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = std::string_view(path).substr(slash == std::string::npos ? 0 : slash + 1);
  try {
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), &::closedir);
    if (dir == nullptr) return;
    while (const dirent* entry = ::readdir(dir.get())) {
      // The name, a dot, six letters or digits.
      const std::string_view found = entry->d_name;
      if (found.size() != name.size() + 7 || !found.starts_with(name) || found[name.size()] != '.') continue;
      const std::string_view made = found.substr(name.size() + 1);
      if (std::all_of(made.begin(), made.end(), [](unsigned char c) { return std::isalnum(c) != 0; }))
        ::unlinkat(::dirfd(dir.get()), entry->d_name, 0);  // no directory
    }
  } catch (...) {  // out of memory: the next time
  }
}

}  // namespace tenon::host
