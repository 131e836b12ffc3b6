{{/* The collector's container: alone in its pod, or with SQLite beside the API. */}}
{{- define "gputail.collectorContainer" -}}
{{- $sqlite := eq .Values.views.store "sqlite" -}}
{{- with .Values.collector -}}
name: collector
image: {{ include "gputail.image" $ }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
command: [gputail]
args: [collect]
envFrom:
  - configMapRef: {name: {{ include "gputail.fullname" $ }}-collector}
env:
  - name: GPUTAIL_INSTANCE_ID
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- with include "gputail.viewsSecret" $ }}{{ . | nindent 2 }}{{ end }}
  {{- with .extraEnv }}{{ toYaml . | nindent 2 }}{{ end }}
ports:
  - {name: admin, containerPort: 9644}
startupProbe:
  httpGet: {path: /health/live, port: admin}
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 120
{{ include "gputail.probes" "admin" }}
securityContext: {{- toYaml $.Values.containerSecurityContext | nindent 2 }}
resources: {{- toYaml .resources | nindent 2 }}
{{- if or $sqlite .extraVolumeMounts }}
volumeMounts:
  {{- if $sqlite }}
  - {name: views, mountPath: /views}
  {{- end }}
  {{- with .extraVolumeMounts }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}
