// SubjectTree: from a topic to the subscriptions whose patterns match it, read without a lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <string_view>

#include "grace.hpp"

namespace tenon::host {

class EventSubscription;

/// One node per word of a pattern; what stands at a node is found with one look-up per word of the topic, plus the branches through `*` and `>`.
/// Writers one at a time; they change the tree in place, by single stores, and retire what readers may still see. Taking out allocates nothing.
class SubjectTree {
 public:
  explicit SubjectTree(GracePeriods& periods);
  ~SubjectTree();
  SubjectTree(const SubjectTree&) = delete;
  SubjectTree& operator=(const SubjectTree&) = delete;

  /// Throws std::bad_alloc, and then has changed nothing that can be seen.
  void insert(std::string_view pattern, EventSubscription& subscription);
  /// It must be there. The caller retires the subscription.
  void erase(std::string_view pattern, EventSubscription& subscription) noexcept;
  /// No node but the root.
  [[nodiscard]] bool empty() const;

  /// Calls `found(EventSubscription&)` for each that matches, each once. Within a GracePeriods::Reader.
  template <class Found>
  void match(std::string_view topic, Found&& found) const {
    walk(
        *root_, topic, true, [](void* context, EventSubscription& s) { (*static_cast<std::remove_reference_t<Found>*>(context))(s); },
        &found);
  }

 private:
  struct Node;
  struct Children;
  struct List;
  using Visit = void (*)(void* context, EventSubscription& subscription);
  static void walk(const Node& node, std::string_view rest, bool more, Visit visit, void* context);
  static void visit_list(const std::atomic<List*>& list, Visit visit, void* context);
  Node* child_of(Node& parent, std::string_view word);
  void add_to(std::atomic<List*>& list, EventSubscription& subscription);
  void prune(Node* node) noexcept;

  GracePeriods& periods_;
  Node* root_;
};

}  // namespace tenon::host
