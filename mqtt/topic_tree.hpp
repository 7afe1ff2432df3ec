// Who subscribed to what: a tree of topic levels that answers, for a topic, with the subscriptions that it
// reaches. One hash lookup per level and no allocation for a topic that nobody wants; no recursion. Used by
// the engine.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mqtt/session.hpp"

namespace sluice::mqtt {

struct Subscriber {
  Session* session = nullptr;
  SubscriptionOptions options;
};

// The subscribers of one $share/NAME/filter (4.8.2).
struct ShareGroup {
  std::uint32_t id = 0;  // never used again in the life of the tree
  std::string name;
  std::vector<Subscriber> members;
  std::size_t next = 0;  // where the next round of choosing begins
};

class TopicTree {
 public:
  TopicTree(bool hash_matches_parent, std::uint64_t hash_seed);

  // Adds, or replaces the options of the same session and filter. True: it is new.
  bool subscribe(Session& session, std::string_view filter, const SubscriptionOptions& options);
  // False: there was none.
  bool unsubscribe(Session& session, std::string_view filter);

  // Everything that the topic reaches; pointers hold until the tree changes.
  struct Matches {
    std::vector<Subscriber> plain;
    std::vector<ShareGroup*> groups;
    bool empty() const { return plain.empty() && groups.empty(); }
    void clear() {
      plain.clear();
      groups.clear();
    }
  };
  void match(std::string_view topic, Matches& out);

  // nullptr when its last member has gone.
  ShareGroup* group(std::uint32_t id);
  std::size_t size() const { return subscriptions_; }
  std::size_t nodes() const { return nodes_.size() - free_.size(); }

 private:
  using NodeId = std::uint32_t;
  static constexpr NodeId kNone = 0;  // node 0 is never used
  static constexpr NodeId kRoot = 1;

  struct Node {
    std::string level;
    NodeId parent = kNone;
    NodeId plus = kNone, hash = kNone;  // the children `+` and `#`
    std::uint32_t children = 0;         // other children; these are in edges_
    std::vector<Subscriber> subscribers;
    std::vector<std::unique_ptr<ShareGroup>> groups;
  };
  struct Edge {
    NodeId parent;
    std::string_view level;  // of the child node
    bool operator==(const Edge&) const = default;
  };
  struct EdgeHash {
    std::uint64_t seed;  // so that no client can choose levels that collide
    std::size_t operator()(const Edge& edge) const;
  };

  NodeId find(std::string_view filter) const;
  NodeId find_or_add(std::string_view filter);
  NodeId add_node(NodeId parent, std::string_view level);
  void prune(NodeId id);
  void collect(NodeId id, Matches& out);

  bool hash_matches_parent_;
  std::deque<Node> nodes_;  // stable addresses: edges_ refer to the nodes' levels
  std::vector<NodeId> free_;
  std::unordered_map<Edge, NodeId, EdgeHash> edges_;
  std::unordered_map<std::uint32_t, ShareGroup*> groups_;
  std::uint32_t last_group_ = 0;
  std::size_t subscriptions_ = 0;
  std::vector<NodeId> frontier_, next_;  // scratch of match()
};

}  // namespace sluice::mqtt
