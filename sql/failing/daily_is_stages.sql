-- Charges of a stage that there is not.
SELECT c.x_SourceSystem, c.x_SourceFile, c.ChargePeriodStart, c.ServiceName, c.ResourceId, c.x_MlStage, c.EffectiveCost
FROM focus.charges AS c
LEFT JOIN lifecycle.stages AS s
  ON s.stage = c.x_MlStage
WHERE s.stage IS NULL
ORDER BY ABS(c.EffectiveCost) DESC
LIMIT 20
