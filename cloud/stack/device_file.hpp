// The file of devices that an operator imports: CSV (RFC 4180) with a header line, columns productid,
// accessToken, product?, region? in any order. Everything that is wrong is found before anything is written.
// Used by sluice-cloud-import. Texts about problems never contain a token.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::stack {

inline constexpr std::size_t kMostDevices = 1'000'000;
inline constexpr std::size_t kMostFile = 256ULL * 1024 * 1024;  // bytes
inline constexpr std::size_t kMostLine = 4096;
inline constexpr std::size_t kLeastToken = 8;  // shorter ones are guessed

struct DeviceRow {
  std::size_t line = 0;
  std::string productid, access_token;
  std::string product;  // model and thing type; may be empty
  std::string region;   // where alone it may register; empty: anywhere
};

struct FileProblem {
  std::size_t line = 0;
  std::string text;
};

struct DeviceFile {
  std::vector<DeviceRow> rows;
  std::vector<FileProblem> problems;  // in order of lines; any: the file must not be imported
};

// `regions`: where the file goes; a row of another region is a problem.
DeviceFile parse_device_file(std::string_view text, const std::vector<std::string>& regions);

}  // namespace sluice::stack
