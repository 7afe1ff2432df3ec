#include "mqtt/topic_tree.hpp"

#include <algorithm>
#include <cstring>

#include "mqtt/topic.hpp"

namespace sluice::mqtt {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = (a ^ b) * 0x9e3779b97f4a7c15ULL;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  return x ^ (x >> 29);
}

template <typename List>
auto find_member(List& list, const Session& session) {
  return std::find_if(list.begin(), list.end(), [&](const Subscriber& s) { return s.session == &session; });
}

}  // namespace

std::size_t TopicTree::EdgeHash::operator()(const Edge& edge) const {
  std::uint64_t hash = mix(seed, edge.parent);
  std::string_view text = edge.level;
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    hash = mix(hash, word);
    text.remove_prefix(8);
  }
  std::uint64_t last = text.size();
  for (const char c : text) last = last << 8 | static_cast<unsigned char>(c);
  return static_cast<std::size_t>(mix(hash, last));
}

TopicTree::TopicTree(bool hash_matches_parent, std::uint64_t hash_seed)
    : hash_matches_parent_(hash_matches_parent), nodes_(2), edges_(16, EdgeHash{hash_seed}) {}

bool TopicTree::subscribe(Session& session, std::string_view filter, const SubscriptionOptions& options) {
  const auto shared = split_shared(filter);
  Node& node = nodes_[find_or_add(shared ? shared->filter : filter)];
  std::vector<Subscriber>* list = &node.subscribers;
  if (shared) {
    const auto it = std::find_if(node.groups.begin(), node.groups.end(),
                                 [&](const auto& g) { return g->name == shared->share_name; });
    ShareGroup* group = it == node.groups.end() ? nullptr : it->get();
    if (!group) {
      node.groups.push_back(std::make_unique<ShareGroup>());
      group = node.groups.back().get();
      group->id = ++last_group_;
      group->name = shared->share_name;
      groups_.emplace(group->id, group);
    }
    list = &group->members;
  }
  if (const auto it = find_member(*list, session); it != list->end()) {
    it->options = options;
    return false;
  }
  list->push_back({&session, options});
  ++subscriptions_;
  return true;
}

bool TopicTree::unsubscribe(Session& session, std::string_view filter) {
  const auto shared = split_shared(filter);
  const NodeId id = find(shared ? shared->filter : filter);
  if (id == kNone) return false;
  Node& node = nodes_[id];
  if (!shared) {
    const auto it = find_member(node.subscribers, session);
    if (it == node.subscribers.end()) return false;
    node.subscribers.erase(it);
    if (node.subscribers.empty()) node.subscribers = {};
  } else {
    const auto group = std::find_if(node.groups.begin(), node.groups.end(),
                                    [&](const auto& g) { return g->name == shared->share_name; });
    if (group == node.groups.end()) return false;
    auto& members = (*group)->members;
    const auto it = find_member(members, session);
    if (it == members.end()) return false;
    members.erase(it);
    if (members.empty()) {
      groups_.erase((*group)->id);
      node.groups.erase(group);
    }
  }
  --subscriptions_;
  prune(id);
  return true;
}

void TopicTree::match(std::string_view topic, Matches& out) {
  if (subscriptions_ == 0) return;
  frontier_.assign(1, kRoot);
  // 4.7.2: a wildcard at the first level does not reach topics that begin with `$`.
  bool wildcards = topic.empty() || topic.front() != '$';
  Levels levels(topic);
  std::string_view level;
  while (!frontier_.empty() && levels.next(level)) {
    next_.clear();
    for (const NodeId id : frontier_) {
      const Node& node = nodes_[id];
      if (wildcards) {
        if (node.hash != kNone) collect(node.hash, out);
        if (node.plus != kNone) next_.push_back(node.plus);
      }
      if (node.children != 0) {
        if (const auto it = edges_.find(Edge{id, level}); it != edges_.end()) next_.push_back(it->second);
      }
    }
    wildcards = true;
    frontier_.swap(next_);
  }
  for (const NodeId id : frontier_) {
    collect(id, out);
    if (hash_matches_parent_ && nodes_[id].hash != kNone) collect(nodes_[id].hash, out);
  }
}

ShareGroup* TopicTree::group(std::uint32_t id) {
  const auto it = groups_.find(id);
  return it == groups_.end() ? nullptr : it->second;
}

TopicTree::NodeId TopicTree::find(std::string_view filter) const {
  NodeId at = kRoot;
  Levels levels(filter);
  std::string_view level;
  while (at != kNone && levels.next(level)) {
    const Node& node = nodes_[at];
    if (level == "+") {
      at = node.plus;
    } else if (level == "#") {
      at = node.hash;
    } else {
      const auto it = edges_.find(Edge{at, level});
      at = it == edges_.end() ? kNone : it->second;
    }
  }
  return at;
}

TopicTree::NodeId TopicTree::find_or_add(std::string_view filter) {
  NodeId at = kRoot;
  Levels levels(filter);
  std::string_view level;
  while (levels.next(level)) {
    NodeId child = kNone;
    if (level == "+") {
      child = nodes_[at].plus;
    } else if (level == "#") {
      child = nodes_[at].hash;
    } else if (const auto it = edges_.find(Edge{at, level}); it != edges_.end()) {
      child = it->second;
    }
    at = child != kNone ? child : add_node(at, level);
  }
  return at;
}

TopicTree::NodeId TopicTree::add_node(NodeId parent, std::string_view level) {
  NodeId id;
  if (free_.empty()) {
    id = static_cast<NodeId>(nodes_.size());
    nodes_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Node& node = nodes_[id];
  node.level = level;
  node.parent = parent;
  Node& above = nodes_[parent];
  if (level == "+") {
    above.plus = id;
  } else if (level == "#") {
    above.hash = id;
  } else {
    ++above.children;
    edges_.emplace(Edge{parent, node.level}, id);
  }
  return id;
}

// Frees the node and those above it that hold nothing any more.
void TopicTree::prune(NodeId id) {
  while (id != kRoot) {
    Node& node = nodes_[id];
    if (!node.subscribers.empty() || !node.groups.empty() || node.children != 0 || node.plus != kNone ||
        node.hash != kNone) {
      return;
    }
    const NodeId parent = node.parent;
    Node& above = nodes_[parent];
    if (above.plus == id) {
      above.plus = kNone;
    } else if (above.hash == id) {
      above.hash = kNone;
    } else {
      edges_.erase(Edge{parent, node.level});
      --above.children;
    }
    node = Node{};
    free_.push_back(id);
    id = parent;
  }
}

void TopicTree::collect(NodeId id, Matches& out) {
  const Node& node = nodes_[id];
  out.plain.insert(out.plain.end(), node.subscribers.begin(), node.subscribers.end());
  for (const auto& group : node.groups) out.groups.push_back(group.get());
}

}  // namespace sluice::mqtt
