// From the YAML tree to Options, row by row of the schema; and the checks of what spans several keys.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "config/findings.hpp"
#include "core/options.hpp"

namespace sluice::config {

// Fills options with what the tree says. Relative paths count from `folder` (may be empty).
void read_options(const Node& root, const std::filesystem::path& folder, Options& options,
                  Findings& findings);

// Each completes what one part of the file implies (ports, names, formats) and checks it.
void check_cloud(Options& options, Findings& findings);
void check_provisioning(const Options& options, Findings& findings);
void check_listeners(Options& options, Findings& findings);
void check_devices(const Options& options, Findings& findings);
void check_routes(Options& options, Findings& findings);
void check_adapters(const Options& options, Findings& findings);

// Why the URL is not one of a listener; empty if it is, and `listener` has its parts then.
std::string read_listener_url(std::string_view url, ListenerOptions& listener);
bool on_loopback(const ListenerOptions& listener);

// `, did you mean 'x'?` if one of the words is near, else nothing. About a third of the word may differ.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sluice::config
