// The CSV of devices with their access tokens that a manufacturer delivers: `productid,accessToken,product`.
// Read by `sluicectl import`; tokens come from the file only, never from the command line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::ctl {

inline constexpr std::size_t kMaxTokenList = 16 << 20;  // bytes
inline constexpr std::size_t kMaxToken = 1024;

struct TokenLine {
  std::size_t line = 0;
  std::string productid, token, product;
};

struct TokenList {
  std::vector<TokenLine> devices;
  std::vector<std::string> problems;  // "line 7: ..."; none holds a token
  ~TokenList();                       // tokens are wiped
  TokenList() = default;
  TokenList(TokenList&&) = default;
  TokenList& operator=(TokenList&&) = default;
  TokenList(const TokenList&) = delete;
  TokenList& operator=(const TokenList&) = delete;
};

// With a header line the columns may stand in any order and others may be there; without one they are
// productid, accessToken and (if there) product. RFC 4180 quotes. `product`: of lines that have none.
TokenList read_token_list(std::string_view csv, std::string_view product);

}  // namespace sluice::ctl
