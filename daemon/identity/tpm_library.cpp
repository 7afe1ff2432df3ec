#ifdef SLUICE_TPM
#include "identity/tpm_library.hpp"

#include "aws/late_library.hpp"

namespace sluice::identity {

result<TpmLibrary> load_tpm_library(const std::string& folder) {
  TpmLibrary tss;
  aws::LateLibrary esys(folder + "libtss2-esys.so.0", "libtss2-esys-3.0.2-0");
  esys.find("Esys_Initialize", tss.Esys_Initialize);
  esys.find("Esys_Finalize", tss.Esys_Finalize);
  esys.find("Esys_Free", tss.Esys_Free);
  esys.find("Esys_FlushContext", tss.Esys_FlushContext);
  esys.find("Esys_CreatePrimary", tss.Esys_CreatePrimary);
  esys.find("Esys_StartAuthSession", tss.Esys_StartAuthSession);
  esys.find("Esys_TRSess_SetAttributes", tss.Esys_TRSess_SetAttributes);
  esys.find("Esys_Create", tss.Esys_Create);
  esys.find("Esys_Load", tss.Esys_Load);
  esys.find("Esys_Unseal", tss.Esys_Unseal);
  aws::LateLibrary mu(folder + "libtss2-mu.so.0", "libtss2-mu0");
  mu.find("Tss2_MU_TPM2B_PUBLIC_Marshal", tss.Tss2_MU_TPM2B_PUBLIC_Marshal);
  mu.find("Tss2_MU_TPM2B_PUBLIC_Unmarshal", tss.Tss2_MU_TPM2B_PUBLIC_Unmarshal);
  mu.find("Tss2_MU_TPM2B_PRIVATE_Marshal", tss.Tss2_MU_TPM2B_PRIVATE_Marshal);
  mu.find("Tss2_MU_TPM2B_PRIVATE_Unmarshal", tss.Tss2_MU_TPM2B_PRIVATE_Unmarshal);
  aws::LateLibrary tctildr(folder + "libtss2-tctildr.so.0", "libtss2-tctildr0");
  tctildr.find("Tss2_TctiLdr_Initialize", tss.Tss2_TctiLdr_Initialize);
  tctildr.find("Tss2_TctiLdr_Finalize", tss.Tss2_TctiLdr_Finalize);
  aws::LateLibrary rc(folder + "libtss2-rc.so.0", "libtss2-rc0");
  rc.find("Tss2_RC_Decode", tss.Tss2_RC_Decode);
  for (const auto* library : {&esys, &mu, &tctildr, &rc})
    if (!library->trouble().empty()) return Error{errc::unsupported, library->trouble()};
  return tss;
}

}  // namespace sluice::identity
#endif
