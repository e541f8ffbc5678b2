#include "directory.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/hash.hpp"
#include "base/no_memory.hpp"

namespace tenon::host {
namespace {
NamedService* const tombstone = reinterpret_cast<NamedService*>(alignof(NamedService));  // an address no entry has

/// What all threads announce now.
struct Announced {
  Announced() {
    for (const ThreadFrames* f = all_thread_frames(); f != nullptr; f = f->next) {
      // A target is set in the frame above the depth, before that rises: what was announced before the barrier is at or below what is read here.
      const std::uint32_t depth = f->depth.load(std::memory_order_seq_cst);
      for (std::uint32_t i = 0; i <= depth && i < ThreadFrames::max_depth; ++i) {
        const std::uintptr_t t = f->frames[i].target.load(std::memory_order_seq_cst);
        if ((t & 1U) != 0)
          oldest = std::min<std::uint64_t>(oldest, t >> 1U);
        else if (t != 0)
          targets.push_back(t);
      }
    }
  }
  [[nodiscard]] bool has(const Registration* r) const {
    return std::find(targets.begin(), targets.end(), reinterpret_cast<std::uintptr_t>(r)) != targets.end();
  }
  std::uint64_t oldest = UINT64_MAX;  ///< epoch of a reader
  std::vector<std::uintptr_t> targets;
};
}  // namespace

Directory::Directory() : table_(new Table(64)) {}

Directory::~Directory() {
  for (NamedService* e : entries()) delete e;
  for (const auto& e : entries_) delete e.what;
  for (const auto& t : tables_) delete t.what;
  delete table_.load(std::memory_order_relaxed);
}

NamedService* Directory::find(std::string_view text) const {
  const Table& table = *table_.load(std::memory_order_seq_cst);
  const std::size_t hash = hash_of_text(text);
  for (std::size_t i = hash;; ++i) {
    NamedService* e = table.cells[i & table.mask].load(std::memory_order_seq_cst);
    if (e == nullptr) return nullptr;
    if (e != tombstone && e->hash == hash && same_text(e->text, text)) return e;
  }
}

void Directory::make_room_for(std::size_t registrations) {
  make_room(registrations_, registrations_.size() + registrations);
  make_room(entries_, entries_.size() + used_ + 1);
}

NamedService& Directory::insert(const ServiceName& name) {
  if ((used_ + erased_ + 1) * 2 > table_.load(std::memory_order_relaxed)->mask) rebuild();
  auto made = std::make_unique<NamedService>();
  made->text = name.text();
  made->name = {std::string_view(made->text).substr(0, name.name.size()), name.major};
  made->hash = hash_of_text(made->text);
  made->serial = ++made_;
  made->metrics = std::make_shared<MethodMetrics>();
  made->registrations.reserve(1);
  Table& table = *table_.load(std::memory_order_relaxed);
  for (std::size_t i = made->hash;; ++i) {
    std::atomic<NamedService*>& cell = table.cells[i & table.mask];
    NamedService* there = cell.load(std::memory_order_relaxed);
    if (there != nullptr && there != tombstone) continue;
    if (there == tombstone) --erased_;
    ++used_;
    cell.store(made.get(), std::memory_order_seq_cst);
    return *made.release();
  }
}

void Directory::erase(NamedService& entry) {
  entry.linked = false;
  Table& table = *table_.load(std::memory_order_relaxed);
  std::size_t i = entry.hash;
  while (table.cells[i & table.mask].load(std::memory_order_relaxed) != &entry) ++i;
  // At the end of a chain nothing needs a tombstone.
  const bool last = table.cells[(i + 1) & table.mask].load(std::memory_order_relaxed) == nullptr;
  table.cells[i & table.mask].store(last ? nullptr : tombstone, std::memory_order_seq_cst);
  --used_;
  if (!last) ++erased_;
  entries_.push_back({&entry, next_epoch()});
}

void Directory::rebuild() {
  std::size_t size = 64;
  while (size < (used_ + 1) * 4) size *= 2;
  auto fresh = std::make_unique<Table>(size);
  for (NamedService* e : entries()) {
    std::size_t i = e->hash;
    while (fresh->cells[i & fresh->mask].load(std::memory_order_relaxed) != nullptr) ++i;
    fresh->cells[i & fresh->mask].store(e, std::memory_order_relaxed);
  }
  make_room(tables_, tables_.size() + 1);
  erased_ = 0;
  Table* old = table_.exchange(fresh.release(), std::memory_order_seq_cst);
  tables_.push_back({old, next_epoch()});
}

std::vector<NamedService*> Directory::entries() const {
  std::vector<NamedService*> out;
  const Table& table = *table_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i <= table.mask; ++i) {
    NamedService* e = table.cells[i].load(std::memory_order_relaxed);
    if (e != nullptr && e != tombstone) out.push_back(e);
  }
  return out;
}

void Directory::retire(Registration& r) { registrations_.push_back({&r, next_epoch()}); }

std::vector<Registration*> Directory::collect(std::uint64_t barrier_epoch) {
  std::vector<Registration*> out;
  out.reserve(registrations_.size());
  const Announced announced;
  const auto unread = [&](std::uint64_t epoch) { return epoch < barrier_epoch && epoch < announced.oldest; };
  std::erase_if(registrations_, [&](const Retired<Registration>& r) {
    if (!unread(r.epoch) || announced.has(r.what) || r.what->refs.load(std::memory_order_acquire) != 0) return false;
    out.push_back(r.what);
    --r.what->entry->unfreed;
    return true;
  });
  std::erase_if(entries_, [&](const Retired<NamedService>& e) {
    if (!unread(e.epoch) || e.what->unfreed != 0) return false;
    delete e.what;
    return true;
  });
  std::erase_if(tables_, [&](const Retired<Table>& t) {
    if (!unread(t.epoch)) return false;
    delete t.what;
    return true;
  });
  return out;
}

Handles::Handles()
    : memory_(std::calloc(count + 1, sizeof(HandleSlot))),
      slots_(reinterpret_cast<HandleSlot*>((reinterpret_cast<std::uintptr_t>(memory_) + alignof(HandleSlot) - 1) & -alignof(HandleSlot))) {
  if (memory_ == nullptr) throw std::bad_alloc();
}

Handles::~Handles() { std::free(memory_); }

HandleSlot* Handles::take() {
  if (free_.empty()) {
    if (made_ == count) return nullptr;
    make_room(free_, made_ + 1);  // for when all are given back
    HandleSlot* const slot = &slots_[made_];
    slot->index = static_cast<std::uint32_t>(made_++);
    free_.push_back(slot);
  }
  HandleSlot* slot = free_.back();
  free_.pop_back();
  if (++slot->generation == 0) slot->generation = 1;
  return slot;
}

void Handles::give_back(HandleSlot& slot) {
  slot.id.store(0, std::memory_order_seq_cst);
  slot.target.store(nullptr, std::memory_order_seq_cst);
  slot.caller.store(nullptr, std::memory_order_relaxed);
  slot.entry = nullptr;
  free_.push_back(&slot);
}

}  // namespace tenon::host
