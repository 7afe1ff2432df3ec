#include "config/config.hpp"
#include "config/schema.hpp"

namespace sluice::config {
namespace {

constexpr std::string_view kHead = R"(# The config file

<!-- Made by `config_reference` from daemon/config/schema.cpp; a test holds the two together. Do not edit. -->

`/etc/sluice/sluice.yaml`, one YAML document. `sluicectl config check FILE` reports all that is wrong with a file at
once: `file:line:column: key: what was found, what is allowed`. An unknown key is an error, an empty file too; nothing
falls back to a default because it could not be read. On reload a file with problems changes nothing: the last good one
goes on. `config/sluice.yaml` is a first config, `config/full.yaml` shows every key.

## How values are written

| what | how |
|---|---|
| duration | a whole number and `ms`, `s`, `m`, `h` or `d`: `500ms`, `10s`, `7d` |
| size | a whole number and `B`, `KB`, `MB`, `GB`, `TB` (powers of 1000) or `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024); without a unit: bytes |
| path | absolute, or relative to the config file's folder |
| name | 1 to 128 of `A-Z a-z 0-9 : _ -` |
| secrets | never in the file: the path of a file that only the daemon can read |
| texts with `{…}`, `#` or `+` | in quotes, or YAML reads them as something else |

A file has at most 1 MiB. Anchors and aliases work within bounds; tags, merge keys (`<<`), tabs in the indentation and
keys given twice are errors.

## Keys

In the key column `[]` stands for each element of a list and `NAME` for each name in a map.
)";

constexpr std::string_view kTail = R"(
## What becomes of a reading

The routes are tried from the top; the first whose `match` takes the topic decides. Exactly one of `to`, `local` and
`drop` says what happens:

| route | to the cloud | local subscribers | counted as |
|---|---|---|---|
| `to: topic` | yes, from the store | yes | queued, then delivered |
| `to` with a filter that holds it back | no | yes | ledger: filtered |
| `local: true` | no | yes | local |
| `drop: true` | no | no | ledger: filtered |
| none matches | no | yes | unrouted: in the status, and a log line at most once a minute |

A reading that AWS IoT would not take (payload over 128 KiB, topic over 256 bytes or 7 slashes, a placeholder that put
a wildcard into the topic) is acknowledged to the device and set aside as a dead letter with the reason:
`sluicectl dead-letters`. The ledger counts it as poison.

### Topics with placeholders

| placeholder | stands for |
|---|---|
| `{device}` `{product}` | the device's id and its product |
| `{gateway}` | `gateway.thing` |
| `{topic}` | the topic that the device published to |
| `{1}` … `{9}` | what the wildcards of `match` took, in order: a level for each `+`, the rest for `#` |

With `rule: NAME` the reading goes to `$aws/rules/NAME/` and `to` after it (Basic Ingest): straight to the rule, without
the broker's charge; that prefix does not count for length and slashes.

### Filters

A filter remembers the last reading that it let through, for each device and topic (the 50,000 used last; a reload
forgets them, so that the next reading passes). A payload that is not JSON, has nothing at `pointer`, or for
`deadband` no number there, passes untouched and is counted as unfiltered; so does a topic over 512 bytes. `sample` looks
at no payload. When the store refuses a reading, the filter forgets that it saw it.

| kind | lets through |
|---|---|
| `on_change` | when the value at `pointer` differs from the last one let through |
| `deadband` | when the number at `pointer` is at least `deadband` away from the last one let through (`2%`: of it) |
| `sample` | the first reading in each `interval` |
)";

// Without `[]` and `{}` at the end of a path, and with NAME where a map's name stands.
std::string shown_path(std::string_view path) {
  std::string text(path);
  for (auto at = text.find("{}"); at != std::string::npos; at = text.find("{}")) text.replace(at, 2, ".NAME");
  return text;
}

std::string table_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string allowed_text(const Row& row) {
  if (row.type == Type::choice) {
    std::string text;
    for (const auto word : words(row.allowed)) text += (text.empty() ? "`" : ", `") + std::string(word) + "`";
    return text;
  }
  std::string text(type_words(row.type).substr(0, type_words(row.type).find(':')));
  if (!row.allowed.empty()) text += ", " + std::string(row.allowed);
  return table_cell(text);
}

std::string default_text(const Row& row) {
  if (row.fallback == kRequired) return "**required**";
  return row.fallback.empty() ? "" : "`" + std::string(row.fallback) + "`";
}

}  // namespace

std::string config_reference_markdown() {
  std::string out(kHead);
  std::string_view section;
  for (const auto& row : schema()) {
    if (row.type == Type::later) continue;
    const auto top = row.path.substr(0, row.path.find_first_of(".[{"));
    if (top != section) {
      section = top;
      out +=
          "\n### " + std::string(top) + "\n\n| key | value | default | what it does |\n|---|---|---|---|\n";
    }
    out += "| `" + shown_path(row.path) + "` | " + allowed_text(row) + " | " + default_text(row) + " | " +
           table_cell(row.description) + " |\n";
  }
  out += kTail;
  out += "\n## Not in this version\n\nThese keys are refused with that reason:\n\n";
  for (const auto& row : schema()) {
    if (row.type == Type::later)
      out += "- `" + std::string(row.path) + "`: " + std::string(row.description) + "\n";
  }
  return out;
}

}  // namespace sluice::config
