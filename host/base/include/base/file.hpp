// Files: descriptors with an owner, bounded reads, atomic writes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace tenon::host {

/// Owns a file descriptor, -1 = none. Close errors are ignored (nothing acknowledged depends on them).
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& o) noexcept {
    if (this != &o) reset(std::exchange(o.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

/// Bytes of a file read once into memory (never mapped: a truncated mapping is a SIGBUS). Move-only.
class FileBytes {
 public:
  FileBytes() = default;
  explicit FileBytes(std::size_t size);  ///< uninitialised
  FileBytes(FileBytes&& o) noexcept : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
  FileBytes& operator=(FileBytes&& o) noexcept;
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  ~FileBytes();
  [[nodiscard]] std::span<const std::byte> span() const { return {data_, size_}; }
  [[nodiscard]] std::string_view view() const { return {reinterpret_cast<const char*>(data_), size_}; }
  std::byte* data() { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  void truncate(std::size_t size) { size_ = size < size_ ? size : size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Reads everything from the current position of `fd`, at most `max` bytes (more = error RESOURCE_EXHAUSTED naming
/// `name`). A file that shrinks while being read gives what was there.
Result<FileBytes> read_all(int fd, std::size_t max, std::string_view name);
/// Opens O_RDONLY|O_CLOEXEC|O_NOCTTY|O_NONBLOCK, insists on a regular file, reads it whole.
Result<std::string> read_text_file(const std::string& path, std::size_t max);
/// Writes `data` to `path` through a temporary name in the same directory and rename(2). Not fsynced unless `sync`.
Result<void> write_file_atomic(const std::string& path, std::string_view data, mode_t mode, bool sync = false);
/// The same for `name` in the directory that a descriptor pins, wherever its path leads by now. `shown`: what errors call the file.
Result<void> write_file_atomic_at(int directory, const std::string& name, const std::string& shown, std::string_view data, mode_t mode,
                                  bool sync = false);
/// Removes what a process that was killed in the middle of write_file_atomic has left beside `path`. Only while nobody writes it.
void remove_temporaries(const std::string& path) noexcept;
/// Writes all bytes, restarting after EINTR and short writes.
Result<void> write_all(int fd, std::string_view data);

}  // namespace tenon::host
