#include "config/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>

namespace sluice::config {
namespace {

// Ends the parse: the problem is fatal for the document.
struct Refused {
  Problem problem;
};

Place place_of(const YAML::Mark& mark) { return {std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1}; }

class TreeBuilder final : public YAML::EventHandler {
 public:
  Node root;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.place = place_of(mark);
    finish(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(place_of(mark), "an alias that refers to what it is part of");
    Node copy = found->second;  // its size is checked by finish() before it can be copied again
    copy.place = place_of(mark);
    finish(std::move(copy), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    Node node;
    node.kind = Node::Kind::scalar;
    node.place = place_of(mark);
    node.value = value;
    node.bytes = value.size();
    finish(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::sequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Entry> waiting;  // a map's key that waits for its value
    std::set<std::string> keys;
  };

  [[noreturn]] static void refuse(Place place, std::string text) {
    throw Refused{{place.line, place.column, "", std::move(text)}};
  }

  // yaml-cpp: "?" for plain, "!" for quoted, "" for collections; all else was written by hand.
  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      refuse(place_of(mark), "a YAML tag (" + tag + "); tags are not used here");
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    check_tag(mark, tag);
    if (open_.size() >= kMaxDepth)
      refuse(place_of(mark), "nested deeper than " + std::to_string(kMaxDepth) + " levels");
    Open next;
    next.node.kind = kind;
    next.node.place = place_of(mark);
    next.anchor = anchor;
    open_.push_back(std::move(next));
  }

  void close() {
    auto done = std::move(open_.back());
    open_.pop_back();
    finish(std::move(done.node), done.anchor);
  }

  // The value is whole: it goes to whom it belongs, and to the anchors.
  void finish(Node node, YAML::anchor_t anchor) {
    // What anchors keep is counted too: they are copies.
    total_nodes_ += node.kind == Node::Kind::scalar || node.kind == Node::Kind::null ? 1 : 0;
    if (node.nodes > kMaxNodes || node.bytes > kMaxExpandedBytes || total_nodes_ > kMaxNodes) {
      refuse(node.place, "expands to more than " + std::to_string(kMaxNodes) + " values");
    }
    if (anchor != 0) {
      kept_nodes_ += node.nodes;
      kept_bytes_ += node.bytes;
      if (kept_nodes_ > kMaxNodes || kept_bytes_ > kMaxExpandedBytes)
        refuse(node.place, "anchors that expand to too much");
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    auto& parent = open_.back();
    parent.node.nodes += node.nodes;
    parent.node.bytes += node.bytes;
    if (parent.node.nodes > kMaxNodes || parent.node.bytes > kMaxExpandedBytes) {
      refuse(node.place, "expands to more than " + std::to_string(kMaxNodes) + " values");
    }
    if (parent.node.kind == Node::Kind::sequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.waiting) {
      accept_key(parent, node);
      parent.waiting = Entry{std::move(node.value), node.place, {}};
    } else {
      parent.waiting->value = std::move(node);
      parent.node.entries.push_back(std::move(*parent.waiting));
      parent.waiting.reset();
    }
  }

  static void accept_key(Open& map, const Node& key) {
    if (key.kind != Node::Kind::scalar) refuse(key.place, "a key that is not a plain word");
    if (key.value == "<<") refuse(key.place, "YAML merge keys (<<) are not supported; write the keys out");
    if (!map.keys.insert(key.value).second) refuse(key.place, "the key '" + key.value + "' is here twice");
  }

  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t total_nodes_ = 0, kept_nodes_ = 0, kept_bytes_ = 0;
};

// The length of the UTF-8 sequence that begins at s[i], 0 if there is none (RFC 3629).
std::size_t utf8_length(std::string_view s, std::size_t i) {
  const auto byte = [&](std::size_t k) {
    return i + k < s.size() ? static_cast<unsigned char>(s[i + k]) : 0U;
  };
  const auto follows = [&](std::size_t k) { return (byte(k) & 0xC0U) == 0x80U; };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(1) || !follows(2)) return 0;
    const auto code = ((first & 0x0FU) << 12) | ((byte(1) & 0x3FU) << 6) | (byte(2) & 0x3FU);
    return code >= 0x800 && (code < 0xD800 || code > 0xDFFF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    const auto code =
        ((first & 0x07U) << 18) | ((byte(1) & 0x3FU) << 12) | ((byte(2) & 0x3FU) << 6) | (byte(3) & 0x3FU);
    return code >= 0x10000 && code <= 0x10FFFF ? 4 : 0;
  }
  return 0;
}

// What yaml-cpp would misread or answer with a riddle.
bool plain_text(std::string_view text, std::vector<Problem>& problems) {
  int line = 1;
  std::size_t line_start = 0;
  bool indentation = true;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const auto column = static_cast<int>(i - line_start) + 1;
    const auto length = utf8_length(text, i);
    if (length == 0) {
      problems.push_back({line, column, "", "a byte that is not UTF-8; save the file as UTF-8"});
      return false;
    }
    if (c == '\0' || (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t')) {
      problems.push_back({line, column, "", "a control character; the file must be plain text"});
      return false;
    }
    if (c == '\t' && indentation) {
      problems.push_back({line, column, "", "a tab in the indentation; YAML wants spaces"});
      return false;
    }
    i += length;
    if (c == '\n') {
      ++line;
      line_start = i;
      indentation = true;
    } else if (c != ' ') {
      indentation = false;
    }
  }
  return true;
}

}  // namespace

Node read_document(std::string_view text, std::vector<Problem>& problems) {
  if (text.size() > kMaxTextBytes) {
    problems.push_back(
        {1, 1, "",
         std::to_string(text.size()) + " bytes; a config has at most " + std::to_string(kMaxTextBytes)});
    return {};
  }
  if (!plain_text(text, problems)) return {};
  std::istringstream in{std::string(text)};
  TreeBuilder tree;
  try {
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(tree)) {
      problems.push_back({1, 1, "", "the file is empty; a config needs at least gateway, cloud and listen"});
      return {};
    }
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
      problems.push_back({second.root.place.line, second.root.place.column, "",
                          "a second YAML document (---); one is read"});
    }
  } catch (const Refused& refused) {
    problems.push_back(refused.problem);
  } catch (const YAML::Exception& error) {
    const auto place = error.mark.is_null() ? Place{} : place_of(error.mark);
    problems.push_back({place.line, place.column, "", "not valid YAML: " + error.msg});
  }
  return std::move(tree.root);
}

}  // namespace sluice::config
