// One kind of record as a folder with a file each: NAME.json, or NAME/thing.json. Records are read again when
// their files change on disk, written whole, and kept in memory by name. Used by the registry only. One loop
// thread.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/local/files.hpp"
#include "core/log.hpp"

namespace sluice::cloud {

template <typename Record>
class RecordFolder {
 public:
  using Pointer = std::shared_ptr<const Record>;
  using Parse = std::function<result<Record>(const std::string& name, const std::string& text)>;
  // before: null for a new record; after: null for one that has gone.
  using Changed = std::function<void(const std::string& name, const Record* before, const Record* after)>;
  struct Entry {
    std::string stamp;
    Pointer record;  // null: cannot be read
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // leaf: ".json", or "/thing.json" when each record is a folder.
  RecordFolder(std::filesystem::path folder, std::string leaf, Parse parse, Log log, Changed changed = {})
      : folder_(std::move(folder)),
        leaf_(std::move(leaf)),
        parse_(std::move(parse)),
        changed_(std::move(changed)),
        log_(std::move(log)) {}

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path file(std::string_view name) const {
    return folder_.string() + "/" + std::string(name) + leaf_;
  }
  // Grows with every change.
  std::uint64_t revision() const { return revision_; }
  std::size_t size() const { return entries_.size(); }

  // Files that came or went, if the folder's own time says so. False: there is no such folder.
  bool refresh() {
    std::string stamp = stamp_of(folder_);
    if (stamp == stamp_) return !stamp.empty();
    stamp_ = std::move(stamp);
    read_names();
    return !stamp_.empty();
  }
  // The same, and every file that changed.
  void refresh_all() {
    refresh();
    std::vector<std::string> names;
    for (const auto& [name, entry] : entries_) names.push_back(name);
    for (const auto& name : names) reread(name);
  }

  // Null: not there or cannot be read.
  Pointer find(std::string_view name) {
    refresh();
    auto it = entries_.find(name);
    if (it == entries_.end()) {
      // It may have come in the same tick of the file system's clock as the last look.
      if (!std::filesystem::exists(file(name))) return nullptr;
      read(std::string(name));
    } else {
      reread(std::string(name));
    }
    it = entries_.find(name);
    return it == entries_.end() ? nullptr : it->second.record;
  }

  // By name. Records that cannot be read are left out.
  template <typename Fn>
  void each(Fn fn) {
    refresh_all();
    for (const auto& [name, entry] : entries_) {
      if (entry.record) fn(name, *entry.record);
    }
  }

  result<void> write(const std::string& name, std::string_view text, unsigned mode = 0644) {
    const auto path = file(name);
    std::error_code ec;
    std::filesystem::create_directories(path.parent_path(), ec);
    if (auto done = write_file(path, text, mode); !done) return done;
    read(name);
    stamp_ = stamp_of(folder_);
    return {};
  }

  result<void> erase(const std::string& name) {
    std::error_code ec;
    std::filesystem::remove_all(leaf_.starts_with('/') ? folder_ / name : file(name), ec);
    if (ec) return Error{errc::io, file(name).string() + ": " + ec.message()};
    forget(name);
    stamp_ = stamp_of(folder_);
    return {};
  }

 private:
  void read_names() {
    std::error_code ec;
    std::vector<std::string> seen, gone;
    for (const auto& item : std::filesystem::directory_iterator(folder_, ec)) {
      std::string name = item.path().filename().string();
      if (leaf_.starts_with('/')) {
        if (name.starts_with('.') || !item.is_directory(ec)) continue;
      } else {
        if (!name.ends_with(leaf_)) continue;
        name.resize(name.size() - leaf_.size());
      }
      if (!entries_.contains(name)) read(name);
      seen.push_back(std::move(name));
    }
    std::ranges::sort(seen);
    for (const auto& [name, entry] : entries_) {
      if (!std::ranges::binary_search(seen, name)) gone.push_back(name);
    }
    for (const auto& name : gone) forget(name);
  }

  void reread(const std::string& name) {
    const auto it = entries_.find(name);
    if (it == entries_.end() || stamp_of(file(name)) != it->second.stamp) read(name);
  }

  void read(const std::string& name) {
    std::string stamp = stamp_of(file(name));
    if (stamp.empty()) return forget(name);
    const auto text = read_file(file(name));
    auto record = text ? parse_(name, *text) : result<Record>(text.error());
    Pointer now;
    if (record) {
      now = std::make_shared<const Record>(std::move(*record));
    } else {
      log_.error("{}: {}; it is not used", file(name).string(), record.error().text);
    }
    Entry& entry = entries_[name];
    const Pointer before = std::exchange(entry.record, now);
    entry.stamp = std::move(stamp);
    ++revision_;
    if (changed_) changed_(name, before.get(), now.get());
  }

  void forget(const std::string& name) {
    const auto it = entries_.find(name);
    if (it == entries_.end()) return;
    const Pointer before = it->second.record;
    entries_.erase(it);
    ++revision_;
    if (changed_) changed_(name, before.get(), nullptr);
  }

  std::filesystem::path folder_;
  std::string leaf_;
  Parse parse_;
  Changed changed_;
  Log log_;
  std::string stamp_;
  Entries entries_;
  std::uint64_t revision_ = 0;
};

}  // namespace sluice::cloud
