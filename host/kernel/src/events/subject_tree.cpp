#include "subject_tree.hpp"

#include <cstdint>
#include <memory>
#include <string>

#include "base/hash.hpp"

namespace tenon::host {
namespace {

/// Cuts the first word off `rest`; `more` tells whether another one follows.
std::string_view take_first(std::string_view& rest, bool& more) {
  const std::size_t dot = rest.find('.');
  const std::string_view word = rest.substr(0, dot);
  more = dot != std::string_view::npos;
  rest.remove_prefix(more ? dot + 1 : rest.size());
  return word;
}

template <class T>
void dispose_as(Garbage* garbage) noexcept {
  delete static_cast<T*>(garbage);
}

}  // namespace

/// The subscriptions at one place. Grows by being replaced; a place that was given up is null, and taken again.
struct SubjectTree::List : Garbage {
  explicit List(std::size_t n) : size(n), slots(std::make_unique<std::atomic<EventSubscription*>[]>(n)) {}
  const std::size_t size;
  std::size_t live = 0;
  std::atomic<std::size_t> used{0};
  const std::unique_ptr<std::atomic<EventSubscription*>[]> slots;
};

/// Open addressing; never full. Grows by being replaced.
struct SubjectTree::Children : Garbage {
  explicit Children(std::size_t n) : mask(n - 1), slots(std::make_unique<std::atomic<Node*>[]>(n)) {}
  const std::size_t mask;
  std::size_t live = 0, used = 0;  ///< used: graves included
  const std::unique_ptr<std::atomic<Node*>[]> slots;

  static Node* grave();
  [[nodiscard]] Node* find(std::uint64_t hash, std::string_view word) const;
  void put(Node& node);
  void remove(Node& node);
};

struct SubjectTree::Node : Garbage {
  Node(Node* p, std::string_view w) : parent(p), word(w), hash(hash_of_text(w)) {}
  ~Node() {
    delete children.load(std::memory_order_relaxed);
    delete here.load(std::memory_order_relaxed);
    delete below.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool empty() const {
    const auto none = [](const std::atomic<List*>& list) {
      const List* l = list.load(std::memory_order_relaxed);
      return l == nullptr || l->live == 0;
    };
    const Children* c = children.load(std::memory_order_relaxed);
    return none(here) && none(below) && star.load(std::memory_order_relaxed) == nullptr && (c == nullptr || c->live == 0);
  }
  Node* const parent;
  const std::string word;
  const std::uint64_t hash;
  std::atomic<Children*> children{nullptr};
  std::atomic<Node*> star{nullptr};
  std::atomic<List*> here{nullptr};   ///< patterns that end here
  std::atomic<List*> below{nullptr};  ///< patterns that go on with `>`
};

/// Stands where a child was, so that those stored behind it are still found.
SubjectTree::Node* SubjectTree::Children::grave() {
  static Node* const node = new Node(nullptr, {});  // never freed: threads may read it until the process has ended
  return node;
}

SubjectTree::Node* SubjectTree::Children::find(std::uint64_t hash, std::string_view word) const {
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    Node* const n = slots[i].load(std::memory_order_acquire);
    if (n == nullptr) return nullptr;
    if (n->hash == hash && same_text(n->word, word) && n != grave()) return n;
  }
}

void SubjectTree::Children::put(Node& node) {
  std::size_t i = node.hash & mask;
  while (slots[i].load(std::memory_order_relaxed) != nullptr) i = (i + 1) & mask;
  slots[i].store(&node, std::memory_order_release);
  ++live;
  ++used;
}

void SubjectTree::Children::remove(Node& node) {
  std::size_t i = node.hash & mask;
  while (slots[i].load(std::memory_order_relaxed) != &node) i = (i + 1) & mask;
  slots[i].store(grave(), std::memory_order_release);
  --live;
}

SubjectTree::SubjectTree(GracePeriods& periods) : periods_(periods), root_(new Node(nullptr, {})) {
  Children::grave();  // made here, so that readers only read it
}

SubjectTree::~SubjectTree() {
  // Without recursion: a pattern may have 128 words.
  Node* node = root_;
  while (node != nullptr) {
    Node* down = node->star.exchange(nullptr, std::memory_order_relaxed);
    if (Children* c = node->children.load(std::memory_order_relaxed); down == nullptr && c != nullptr)
      for (std::size_t i = 0; i <= c->mask && down == nullptr; ++i) {
        Node* const n = c->slots[i].exchange(nullptr, std::memory_order_relaxed);
        if (n != nullptr && n != Children::grave()) down = n;
      }
    if (down != nullptr) {
      node = down;
      continue;
    }
    Node* const up = node->parent;
    delete node;
    node = up;
  }
}

bool SubjectTree::empty() const { return root_->empty(); }

SubjectTree::Node* SubjectTree::child_of(Node& parent, std::string_view word) {
  if (word == "*") {
    Node* star = parent.star.load(std::memory_order_relaxed);
    if (star == nullptr) {
      star = new Node(&parent, word);
      parent.star.store(star, std::memory_order_release);
    }
    return star;
  }
  Children* children = parent.children.load(std::memory_order_relaxed);
  if (children != nullptr)
    if (Node* found = children->find(hash_of_text(word), word)) return found;
  auto node = std::make_unique<Node>(&parent, word);
  if (children == nullptr || (children->used + 1) * 4 > (children->mask + 1) * 3) {
    std::size_t size = 4;
    while (children != nullptr && size < (children->live + 1) * 2) size *= 2;
    auto bigger = std::make_unique<Children>(size);
    for (std::size_t i = 0; children != nullptr && i <= children->mask; ++i) {
      Node* const n = children->slots[i].load(std::memory_order_relaxed);
      if (n != nullptr && n != Children::grave()) bigger->put(*n);
    }
    bigger->put(*node);
    parent.children.store(bigger.release(), std::memory_order_release);
    if (children != nullptr) {
      children->dispose = dispose_as<Children>;
      periods_.retire(*children);
    }
    return node.release();
  }
  children->put(*node);
  return node.release();
}

void SubjectTree::add_to(std::atomic<List*>& list, EventSubscription& subscription) {
  List* l = list.load(std::memory_order_relaxed);
  const std::size_t used = l == nullptr ? 0 : l->used.load(std::memory_order_relaxed);
  if (l != nullptr && l->live < used) {
    std::size_t i = 0;
    while (l->slots[i].load(std::memory_order_relaxed) != nullptr) ++i;
    l->slots[i].store(&subscription, std::memory_order_release);
  } else if (l != nullptr && used < l->size) {
    l->slots[used].store(&subscription, std::memory_order_relaxed);
    l->used.store(used + 1, std::memory_order_release);
  } else {
    auto* bigger = new List(l == nullptr ? 1 : l->size * 2);
    for (std::size_t i = 0; i < used; ++i) bigger->slots[i].store(l->slots[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    bigger->slots[used].store(&subscription, std::memory_order_relaxed);
    bigger->used.store(used + 1, std::memory_order_relaxed);
    bigger->live = used;
    list.store(bigger, std::memory_order_release);
    if (l != nullptr) {
      l->dispose = dispose_as<List>;
      periods_.retire(*l);
    }
    l = bigger;
  }
  ++l->live;
}

void SubjectTree::insert(std::string_view pattern, EventSubscription& subscription) {
  Node* node = root_;
  try {
    bool more = true;
    while (more) {
      const std::string_view word = take_first(pattern, more);
      if (word == ">") return add_to(node->below, subscription);
      node = child_of(*node, word);
    }
    add_to(node->here, subscription);
  } catch (...) {
    prune(node);
    throw;
  }
}

void SubjectTree::erase(std::string_view pattern, EventSubscription& subscription) noexcept {
  Node* node = root_;
  std::atomic<List*>* list = nullptr;
  bool more = true;
  while (more) {
    const std::string_view word = take_first(pattern, more);
    if (word == ">") {
      list = &node->below;
      break;
    }
    node = word == "*" ? node->star.load(std::memory_order_relaxed)
                       : node->children.load(std::memory_order_relaxed)->find(hash_of_text(word), word);
  }
  if (list == nullptr) list = &node->here;
  List* const l = list->load(std::memory_order_relaxed);
  std::size_t i = 0;
  while (l->slots[i].load(std::memory_order_relaxed) != &subscription) ++i;
  l->slots[i].store(nullptr, std::memory_order_release);
  if (--l->live == 0) {
    list->store(nullptr, std::memory_order_release);
    l->dispose = dispose_as<List>;
    periods_.retire(*l);
  }
  prune(node);
}

void SubjectTree::prune(Node* node) noexcept {
  while (node != root_ && node->empty()) {
    Node* const parent = node->parent;
    if (parent->star.load(std::memory_order_relaxed) == node)
      parent->star.store(nullptr, std::memory_order_release);
    else
      parent->children.load(std::memory_order_relaxed)->remove(*node);
    node->dispose = dispose_as<Node>;
    periods_.retire(*node);
    node = parent;
  }
}

void SubjectTree::visit_list(const std::atomic<List*>& list, Visit visit, void* context) {
  const List* const l = list.load(std::memory_order_acquire);
  if (l == nullptr) return;
  const std::size_t used = l->used.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i)
    if (EventSubscription* s = l->slots[i].load(std::memory_order_acquire)) visit(context, *s);
}

void SubjectTree::walk(const Node& node, std::string_view rest, bool more, Visit visit, void* context) {
  if (!more) return visit_list(node.here, visit, context);
  visit_list(node.below, visit, context);
  const std::string_view word = take_first(rest, more);
  if (const Node* star = node.star.load(std::memory_order_acquire)) walk(*star, rest, more, visit, context);
  if (const Children* c = node.children.load(std::memory_order_acquire))
    if (const Node* child = c->find(hash_of_text(word), word)) walk(*child, rest, more, visit, context);
}

}  // namespace tenon::host
