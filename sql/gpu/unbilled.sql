-- What telemetry saw in hours that no bill covers (yet): counted in seconds, never added to billed GPU-hours.
SELECT s.hour, s.gpu_id, s.instance_id, s.state, s.episode_id, s.seconds
FROM gpu.segments AS s
ANTI JOIN gpu.billed_hours AS b USING (instance_id, hour)
