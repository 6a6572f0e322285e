-- The charges under FOCUS 1.4's names: without ProviderName and PublisherName, which it dropped.
SELECT
  * EXCLUDE (ProviderName, PublisherName, ServiceProviderName, HostProviderName),
  COALESCE(ServiceProviderName, PublisherName, ProviderName) AS ServiceProviderName,
  COALESCE(HostProviderName, ProviderName) AS HostProviderName,
  CAST(NULL AS VARCHAR) AS InvoiceDetailId,
  CAST(NULL AS VARCHAR) AS CommitmentProgramEligibilityDetails
FROM focus.charges
