// The functions of tpm2-tss that we call, with the types that its headers give them; loaded when a TPM is
// first used. Used by tpm_key.cpp only, where the build has tpm2-tss.
#pragma once

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <string>

#include "core/error.hpp"

namespace sluice::identity {

struct TpmLibrary {
  decltype(&::Esys_Initialize) Esys_Initialize = nullptr;
  decltype(&::Esys_Finalize) Esys_Finalize = nullptr;
  decltype(&::Esys_Free) Esys_Free = nullptr;
  decltype(&::Esys_FlushContext) Esys_FlushContext = nullptr;
  decltype(&::Esys_CreatePrimary) Esys_CreatePrimary = nullptr;
  decltype(&::Esys_StartAuthSession) Esys_StartAuthSession = nullptr;
  decltype(&::Esys_TRSess_SetAttributes) Esys_TRSess_SetAttributes = nullptr;
  decltype(&::Esys_Create) Esys_Create = nullptr;
  decltype(&::Esys_Load) Esys_Load = nullptr;
  decltype(&::Esys_Unseal) Esys_Unseal = nullptr;
  decltype(&::Tss2_MU_TPM2B_PUBLIC_Marshal) Tss2_MU_TPM2B_PUBLIC_Marshal = nullptr;
  decltype(&::Tss2_MU_TPM2B_PUBLIC_Unmarshal) Tss2_MU_TPM2B_PUBLIC_Unmarshal = nullptr;
  decltype(&::Tss2_MU_TPM2B_PRIVATE_Marshal) Tss2_MU_TPM2B_PRIVATE_Marshal = nullptr;
  decltype(&::Tss2_MU_TPM2B_PRIVATE_Unmarshal) Tss2_MU_TPM2B_PRIVATE_Unmarshal = nullptr;
  decltype(&::Tss2_TctiLdr_Initialize) Tss2_TctiLdr_Initialize = nullptr;
  decltype(&::Tss2_TctiLdr_Finalize) Tss2_TctiLdr_Finalize = nullptr;
  decltype(&::Tss2_RC_Decode) Tss2_RC_Decode = nullptr;
};

// `folder`: with a slash at its end; empty: where the system keeps its libraries. Errors: unsupported.
result<TpmLibrary> load_tpm_library(const std::string& folder);

}  // namespace sluice::identity
