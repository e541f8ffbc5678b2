// kill_writer DIRECTORY THREADS: writes pairs into the store below DIRECTORY until it is killed; prints the number of each pair when it is
// acknowledged, one per line, in one write(2). Goes on behind what it finds.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "kernel/storage.hpp"

using namespace tenon::host;

namespace {

void write_pairs(Storage& storage, NamespaceId ns, int thread, int from) {
  for (int i = from;; ++i) {
    const std::string id = std::to_string(thread) + "." + std::to_string(i);
    const std::string value = id + std::string(static_cast<std::size_t>(i % 5 * 1000), 'x');
    StorageTransaction pair(ns);
    pair.put("a." + id, value).put("b." + id, value).put("count." + std::to_string(thread), std::to_string(i));
    // Not without bounds: what is old goes.
    if (i > 20)
      pair.erase("a." + std::to_string(thread) + "." + std::to_string(i - 20))
          .erase("b." + std::to_string(thread) + "." + std::to_string(i - 20));
    if (!storage.commit(std::move(pair))) std::_Exit(3);
    const std::string line = id + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(4);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  const int directory = ::open(argv[1], O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  auto storage = Storage::open(sqlite_storage_backend({directory, "kernel.db", "kernel.db", {}, true}));
  if (!storage) {
    std::fprintf(stderr, "%s\n", storage.error().message.c_str());
    return static_cast<int>(storage.error().exit);
  }
  const auto ns = (*storage)->define("pairs");
  if (!ns) return 1;
  std::vector<std::thread> threads;
  for (int t = 0; t < std::atoi(argv[2]); ++t) {
    const auto count = (*storage)->get(*ns, "count." + std::to_string(t));
    threads.emplace_back([&, t, from = count ? std::stoi(count->value) + 1 : 1] { write_pairs(**storage, *ns, t, from); });
  }
  for (std::thread& t : threads) t.join();
  return 0;
}
