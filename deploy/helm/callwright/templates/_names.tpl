{{/* The name that everything of a release begins with. */}}
{{- define "callwright.name" -}}
{{- if contains "callwright" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-callwright" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* What pods are selected by; asked with (list root component). */}}
{{- define "callwright.selector" -}}
app.kubernetes.io/name: callwright
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "callwright.labels" -}}
{{ include "callwright.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{- define "callwright.image" -}}
{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Where every process gets its settings from: inline, as a hook runs before a ConfigMap would be there. */}}
{{- define "callwright.settings" -}}
envFrom:
  - secretRef: {name: {{ required "existingSecret: the name of a Secret that you make (see values.yaml)" .Values.existingSecret | quote }}}
env:
  - {name: CALLWRIGHT_METRICS_ADDRESS, value: "0.0.0.0:9464"}
  {{- $_ := required "settings.CALLWRIGHT_STORE_URL: where recordings are kept, as s3://bucket/prefix" .Values.settings.CALLWRIGHT_STORE_URL }}
  {{- $_ := required "settings.CALLWRIGHT_PUBLIC_URL: the address under which partners reach the API" .Values.settings.CALLWRIGHT_PUBLIC_URL }}
  {{- range $name, $value := merge (dict) .Values.settings .Values.env }}
  - {name: {{ $name | quote }}, value: {{ include "callwright.text" $value | quote }}}
  {{- end }}
{{- end }}

{{/* A value as text: numbers of a file are floats here, and would become 1e+06. */}}
{{- define "callwright.text" -}}
{{ if and (kindIs "float64" .) (eq . (floor .)) }}{{ printf "%.0f" . }}{{ else }}{{ . | toString }}{{ end }}
{{- end }}

{{/* Of every pod: nobody's rights, and none of the cluster's addresses in its environment. */}}
{{- define "callwright.pod" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ . | quote }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "callwright.account" -}}
{{ if .Values.serviceAccount.name }}serviceAccountName: {{ .Values.serviceAccount.name | quote }}{{ else }}automountServiceAccountToken: false{{ end }}
{{- end }}

{{- define "callwright.container" -}}
image: {{ include "callwright.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Life and readiness, of API and worker alike. */}}
{{- define "callwright.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: vitals}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: vitals}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: vitals}
  periodSeconds: 5
  timeoutSeconds: 6
  failureThreshold: 2
{{- end }}

{{/* No two on one machine, where there are others. */}}
{{- define "callwright.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "callwright.selector" . | nindent 8 }}
{{- end }}
