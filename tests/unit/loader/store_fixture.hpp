// A module store in a directory of its own.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "loader/module_store.hpp"
#include "process.hpp"

namespace tenon::test {

inline mode_t mode_of(const std::string& path) {
  struct stat st {};
  return ::lstat(path.c_str(), &st) == 0 ? st.st_mode & 07777U : 0;
}

struct Store {
  TempDir dir;
  std::string state = dir.make_dir("state", 0700);
  host::ModuleStore store = [this] {
    auto opened = host::ModuleStore::open(state);
    REQUIRE(opened);
    return std::move(*opened);
  }();

  host::StoreRequest file(const std::string& name, const std::string& bytes) const {
    const std::string path = dir.write(name, bytes);
    return {name, path, bytes.size(), host::sha256(std::as_bytes(std::span(bytes.data(), bytes.size())))};
  }
  std::string provided(const host::StoreRequest& r) const {
    const auto path = store.provide(r);
    if (!path) return path.error().message;
    return *path;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& e : std::filesystem::directory_iterator(store.directory())) out.push_back(e.path().filename().string());
    std::sort(out.begin(), out.end());
    return out;
  }
};

}  // namespace tenon::test
